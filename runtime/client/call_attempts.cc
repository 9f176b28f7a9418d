#include "client/call_attempts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fdrpc {
namespace {

// How often a call that the server has not seen is made again, unless it waits
// for the server: enough for servers that replace each other.
constexpr int kMaxAttempts = 5;
// How long a call tries to reach a server whose queue is full: a burst of
// clients is over by then, and anything longer means that the server hangs.
constexpr absl::Duration kMostBusy = absl::Seconds(5);

}  // namespace

CallAttempts::CallAttempts(ChannelCore& core, PendingCall& call,
                           bool wait_for_ready)
    : ConnectionWaits::Waiter(/*patient=*/wait_for_ready),
      core_(core),
      call_(call),
      wait_for_ready_(wait_for_ready) {
  call_.owner = this;
}

void CallAttempts::Begin(ChannelLock& lock) {
  if (Try(lock) || call_.loop == nullptr) return;
  core_.Wait(*this);
}

bool CallAttempts::Try(ChannelLock& lock) {
  if (wait_for_ready_ && core_.reconnector().Pauses()) return false;
  absl::StatusOr<std::shared_ptr<ClientConnection>> connection =
      core_.GetConnection(lock);
  if (!connection.ok()) {
    if (wait_for_ready_ && absl::IsUnavailable(connection.status())) {
      return false;
    }
    absl::Status why = core_.reconnector().WhyNotConnected();
    // A channel of one connection cannot connect again: the caller wants to
    // know why the connection ended.
    if (made_ > 0 && absl::IsFailedPrecondition(why)) {
      why = absl::FailedPreconditionError(absl::StrCat(
          why.message(),
          " (the connection ended: ", call_.unseen_because.message(), ")"));
    }
    call_.End(std::move(why), lock);
    return true;
  }
  if (*connection == nullptr) return GivesUpBusyServer(lock);
  EndBusy();
  // Unless the frames stayed, or the connection returned what it did not send.
  if (call_.open.empty()) call_.open = call_.request.BuildAgain();
  if (call_.open.empty()) {
    call_.End(call_.unseen_because, lock);
    return true;
  }
  ++made_;
  call_.resend_if_unseen = wait_for_ready_ || made_ < kMaxAttempts;
  lock.DropLater(std::exchange(connection_, *std::move(connection)));
  if (call_.loop != nullptr) {
    connection_->writer().FlushLater(lock);  // the hello, also after an error
    absl::Status read = connection_->reader().ReadWith(call_.loop);
    if (!read.ok()) {
      call_.End(std::move(read), lock);
      return true;
    }
  }
  connection_->Begin(call_, lock);
  return true;
}

bool CallAttempts::GivesUpBusyServer(ChannelLock& lock) {
  if (wait_for_ready_) return false;
  const MonotonicTime now = core_.clock().Now();
  if (busy_until_ == kNoDeadline) {
    busy_until_ = DeadlineAfter(now, kMostBusy);
    if (call_.loop != nullptr) core_.SetTimer(busy_until_, *this);
  }
  if (now < busy_until_) return false;
  call_.End(Reconnector::Busy(), lock);
  return true;
}

void CallAttempts::EndBusy() {
  if (busy_until_ == kNoDeadline) return;
  core_.CancelTimer(*this);
  busy_until_ = kNoDeadline;
}

void CallAttempts::OnUnseen(ChannelLock& /*lock*/) {
  // A waiting thread does this itself.
  if (call_.loop != nullptr) core_.Wait(*this);
}

void CallAttempts::End(ChannelLock& lock) {
  EndBusy();
  core_.reconnector().waits().Leave(*this, lock);
}

void CallAttempts::OnExpired(ChannelLock& lock) {
  busy_until_ = kNoDeadline;
  if (!waits()) return;
  End(lock);
  call_.End(Reconnector::Busy(), lock);
}

void CallAttempts::OnTurn(ChannelLock& lock) {
  // It is too late for another attempt: the call will end.
  if (call_.state.ended() || call_.deadline <= core_.clock().Now()) return;
  Begin(lock);
}

void CallAttempts::Await(WaitingThread& thread, ChannelLock& lock) {
  ConnectionWaits& waits = core_.reconnector().waits();
  ConnectionWaits::Waiter waiter(wait_for_ready_, &thread);
  waits.Enter(waiter);
  while (!call_.state.ended() && call_.connection == nullptr) {
    const MonotonicTime now = core_.clock().Now();
    const MonotonicTime turn = std::min(waits.TurnOf(waiter), busy_until_);
    if (turn <= now && Try(lock)) {
      // A second wait, by a thread that reads or writes the same stream.
      call_.WakeThreads(lock);
      break;
    }
    if (call_.deadline <= now) break;
    lock.Unlock();
    thread.parker.Park(
        core_.clock().SleepUntil(std::min(turn, call_.deadline)));
    lock.Relock();
  }
  waits.Leave(waiter, lock);
}

}  // namespace fdrpc
