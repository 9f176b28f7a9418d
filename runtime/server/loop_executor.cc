#include "server/loop_executor.h"

#include "absl/status/statusor.h"
#include "base/check.h"

namespace fdrpc {

absl::Status LoopExecutor::Start() {
  absl::StatusOr<uint64_t> token = loop_->Watch(pollable_fd_, weak_from_this());
  if (!token.ok()) return token.status();
  token_ = *token;
  polls_.store(true);
  // For what was reported to the loop before.
  InterruptPoll();
  return absl::OkStatus();
}

bool LoopExecutor::Park(Parker& parker, MonotonicTime deadline) {
  FDRPC_CHECK(!loop_->OnThisThread(),
              "a handler would block in Read() or Write() on the thread of the "
              "loop that it waits for: streams of a server in a loop need "
              "AsyncService or CoService");
  return parker.Park(deadline);
}

void LoopExecutor::InterruptPoll() {
  if (inherited_by_fork()) return;
  if (!woken_.exchange(true)) loop_->Wake(weak_from_this());
}

void LoopExecutor::Poll() {
  if (!polls_.load()) return;
  woken_.store(false);
  if (poll_()) {
    InterruptPoll();
  } else {
    Arm();
  }
}

void LoopExecutor::Arm() {
  // It also polls when the timer expires, and looks again.
  const MonotonicTime next = next_deadline_();
  if (next < timer_.at()) loop_->SetTimer(timer_, next, weak_from_this());
}

void LoopExecutor::Stop() {
  if (!std::exchange(stopping_, true)) Post(*this);
}

void LoopExecutor::Run() {
  // The waiter may release the server before this returns.
  const std::shared_ptr<LoopExecutor> self = shared_from_this();
  polls_.store(false);
  loop_->Unwatch(pollable_fd_, token_);
  ended_.store(true);
  loop_->TellWaiting();
}

void LoopExecutor::AwaitEnd() {
  FDRPC_CHECK(
      !RunsThisThread(),
      "a server is waited for, or destroyed, in a callback of its loop");
  loop_->RunUntil(ended_);
}

}  // namespace fdrpc
