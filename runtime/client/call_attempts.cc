#include "client/call_attempts.h"

#include <algorithm>
#include <utility>

namespace fdrpc {
namespace {

// How often a call that the server has not seen is made again, if it does not
// wait for the server: enough for servers that replace each other.
constexpr int kMaxAttempts = 5;
// For how long it tries to reach a server that is there and takes no
// connection: a burst of clients is over by then, and what lasts longer hangs.
constexpr absl::Duration kMostBusy = absl::Seconds(5);

}  // namespace

CallAttempts::CallAttempts(ChannelCore& core, PendingCall& call,
                           bool wait_for_ready)
    : core_(core),
      lock_(core.lock()),
      call_(call),
      wait_for_ready_(wait_for_ready) {
  call_.owner = this;
}

absl::Status CallAttempts::Prepare(const OutgoingMessage* request, bool borrow,
                                   const Metadata& metadata) {
  absl::Status prepared = request_.Prepare(
      request, borrow, call_.deadline != kNoDeadline, metadata);
  call_.open_bytes = request_.bytes();
  call_.open_descriptors = request_.descriptors();
  call_.open_stays = request_.stays();
  return prepared;
}

void CallAttempts::Begin() {
  const std::optional<MonotonicTime> again = Try();
  if (again.has_value() && loop_ != nullptr) TryAt(*again);
}

std::optional<MonotonicTime> CallAttempts::Try() {
  core_.lock().AssertHeld();
  absl::StatusOr<std::shared_ptr<ClientConnection>> connection =
      core_.GetConnection();
  if (!connection.ok()) {
    if (!wait_for_ready_ || !absl::IsUnavailable(connection.status())) {
      call_.End(connection.status(), lock_);
      return std::nullopt;
    }
    call_.unseen_because = connection.status();
    return pause_.Next();
  }
  if (*connection == nullptr) return TryLater();
  busy_since_.reset();
  // Unless it stayed, or the connection gave back what it did not send.
  if (call_.open.empty()) {
    call_.open = request_.Build();
    if (call_.method.one_way && !call_.open.empty()) MakeOneWay(call_.open);
  }
  if (call_.open.empty()) {
    call_.End(call_.unseen_because, lock_);
    return std::nullopt;
  }
  ++made_;
  call_.resend_if_unseen = wait_for_ready_ || made_ < kMaxAttempts;
  former_connection_ = std::exchange(connection_, *std::move(connection));
  connection_->lock().AssertHeld();
  if (loop_ != nullptr) {
    absl::Status read = connection_->ReadWith(loop_);
    if (!read.ok()) {
      call_.End(std::move(read), lock_);
      return std::nullopt;
    }
  }
  connection_->Begin(call_);
  return std::nullopt;
}

std::optional<MonotonicTime> CallAttempts::TryLater() {
  const MonotonicTime now = Clock::Real().Now();
  if (!busy_since_.has_value()) busy_since_ = now;
  if (!wait_for_ready_ && now >= DeadlineAfter(*busy_since_, kMostBusy)) {
    call_.End(ChannelCore::Busy(), lock_);
    return std::nullopt;
  }
  call_.unseen_because = ChannelCore::Busy();
  return pause_.Next();
}

MonotonicTime CallAttempts::Next() const {
  // Several servers that go before they have seen the call are one that comes
  // and goes: no haste.
  return made_ < kMaxAttempts
             ? MonotonicTime()
             : DeadlineAfter(Clock::Real().Now(), ReconnectPause::kLongest);
}

void CallAttempts::OnUnseen() {
  lock_.AssertHeld();
  // A thread that waits does it itself.
  if (loop_ != nullptr) TryAt(Next());
}

void CallAttempts::TryAt(MonotonicTime at) {
  End();
  core_.lock().AssertHeld();
  try_at_ = at;
  core_.LookAt(at, *this);
}

void CallAttempts::End() {
  core_.lock().AssertHeld();
  if (try_at_.has_value()) core_.LookNoMore(*try_at_, *this);
  try_at_.reset();
}

void CallAttempts::OnTime(
    MonotonicTime now,
    std::vector<std::shared_ptr<ClientConnection>>& connections) {
  lock_.AssertHeld();
  try_at_.reset();
  // What has come too late is for the call to end.
  if (call_.done || call_.connection != nullptr || call_.deadline <= now) {
    return;
  }
  Begin();
  connections.push_back(connection_);
  connections.push_back(std::move(former_connection_));
}

void CallAttempts::Await(WaitingThread& thread) {
  std::optional<MonotonicTime> again;
  if (made_ >= kMaxAttempts && !std::exchange(paused_, true)) {
    again = Next();
  } else {
    paused_ = false;
    again = Try();
  }
  const std::shared_ptr<ClientConnection> connection = connection_;
  const std::shared_ptr<ClientConnection> former =
      std::move(former_connection_);
  thread.pauses = again.has_value();
  lock_.Unlock();
  if (again.has_value()) {
    thread.parker.Park(std::min(*again, call_.deadline));
  } else if (connection != nullptr) {
    connection->Flush();
  }
  lock_.Lock();
  thread.pauses = false;
}

}  // namespace fdrpc
