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
    : ConnectionWaits::Waiter(/*patient=*/wait_for_ready),
      core_(core),
      lock_(core.lock()),
      call_(call),
      wait_for_ready_(wait_for_ready) {
  call_.owner = this;
}

absl::Status CallAttempts::Prepare(const OutgoingMessage* request, bool borrow,
                                   const Metadata& metadata) {
  absl::Status prepared = request_.Prepare(
      call_.method, request, borrow, call_.deadline != kNoDeadline, metadata);
  call_.open_bytes = request_.bytes();
  call_.open_descriptors = request_.descriptors();
  call_.open_stays = request_.stays();
  return prepared;
}

void CallAttempts::Begin() {
  if (Try() || loop_ == nullptr) return;
  core_.lock().AssertHeld();
  core_.Wait(*this);
}

bool CallAttempts::Try() {
  core_.lock().AssertHeld();
  if (wait_for_ready_ && core_.Reconnects()) return false;
  absl::StatusOr<std::shared_ptr<ClientConnection>> connection =
      core_.GetConnection();
  if (!connection.ok()) {
    if (wait_for_ready_ && absl::IsUnavailable(connection.status())) {
      return false;
    }
    call_.End(core_.WhyNotConnected(), lock_);
    return true;
  }
  if (*connection == nullptr) return GivesUpBusyServer();
  EndBusy();
  // Unless it stayed, or the connection gave back what it did not send.
  if (call_.open.empty()) {
    call_.open = request_.Build();
    if (call_.method.one_way && !call_.open.empty()) MakeOneWay(call_.open);
  }
  if (call_.open.empty()) {
    call_.End(call_.unseen_because, lock_);
    return true;
  }
  ++made_;
  call_.resend_if_unseen = wait_for_ready_ || made_ < kMaxAttempts;
  former_connection_ = std::exchange(connection_, *std::move(connection));
  connection_->lock().AssertHeld();
  if (loop_ != nullptr) {
    absl::Status read = connection_->ReadWith(loop_);
    if (!read.ok()) {
      call_.End(std::move(read), lock_);
      return true;
    }
  }
  connection_->Begin(call_);
  return true;
}

bool CallAttempts::GivesUpBusyServer() {
  if (wait_for_ready_) return false;
  const MonotonicTime now = core_.clock().Now();
  if (busy_until_ == kNoDeadline) {
    busy_until_ = DeadlineAfter(now, kMostBusy);
    core_.lock().AssertHeld();
    if (loop_ != nullptr) core_.LookAt(busy_until_, *this);
  }
  if (now < busy_until_) return false;
  call_.End(ChannelCore::Busy(), lock_);
  return true;
}

void CallAttempts::EndBusy() {
  if (busy_until_ == kNoDeadline) return;
  core_.lock().AssertHeld();
  core_.LookNoMore(*this);
  busy_until_ = kNoDeadline;
}

void CallAttempts::OnUnseen() {
  lock_.AssertHeld();
  core_.lock().AssertHeld();
  // A thread that waits does it itself.
  if (loop_ != nullptr) core_.Wait(*this);
}

void CallAttempts::End() {
  EndBusy();
  core_.lock().AssertHeld();
  core_.waits().Leave(*this, lock_.to_wake());
}

void CallAttempts::OnTime(
    MonotonicTime /*now*/,
    std::vector<std::shared_ptr<ClientConnection>>& /*connections*/) {
  lock_.AssertHeld();
  busy_until_ = kNoDeadline;
  if (!waits()) return;
  End();
  call_.End(ChannelCore::Busy(), lock_);
}

void CallAttempts::OnTurn(
    std::vector<std::shared_ptr<ClientConnection>>& connections) {
  lock_.AssertHeld();
  // What has come too late is for the call to end.
  if (call_.done || call_.deadline <= core_.clock().Now()) return;
  Begin();
  connections.push_back(connection_);
  connections.push_back(std::move(former_connection_));
}

void CallAttempts::Await(WaitingThread& thread) {
  core_.lock().AssertHeld();
  ConnectionWaits& waits = core_.waits();
  ConnectionWaits::Waiter waiter(wait_for_ready_, &thread);
  waits.Enter(waiter);
  while (!call_.done && call_.connection == nullptr) {
    const MonotonicTime now = core_.clock().Now();
    const MonotonicTime turn = std::min(waits.TurnOf(waiter), busy_until_);
    if (turn <= now && Try()) {
      // A second one, that reads or writes the same stream.
      call_.WakeThreads(lock_);
      break;
    }
    if (call_.deadline <= now) break;
    lock_.Unlock();
    thread.parker.Park(
        core_.clock().SleepUntil(std::min(turn, call_.deadline)));
    lock_.Lock();
  }
  waits.Leave(waiter, lock_.to_wake());
  const std::shared_ptr<ClientConnection> connection = connection_;
  const std::shared_ptr<ClientConnection> former =
      std::move(former_connection_);
  lock_.Unlock();
  if (connection != nullptr) connection->Flush();
  lock_.Lock();
}

}  // namespace fdrpc
