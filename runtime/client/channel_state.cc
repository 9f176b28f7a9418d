// The state of a channel, as its users see it: the part of ChannelCore that
// makes no calls.

#include "fdrpc/channel_state.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/channel_core.h"
#include "client/connection_waits.h"
#include "client/connectivity.h"
#include "client/state_watch.h"
#include "client/waiting_threads.h"

namespace fdrpc {

std::ostream& operator<<(std::ostream& to, ChannelState state) {
  switch (state) {
    case ChannelState::kIdle:
      return to << "IDLE";
    case ChannelState::kConnecting:
      return to << "CONNECTING";
    case ChannelState::kReady:
      return to << "READY";
    case ChannelState::kTransientFailure:
      return to << "TRANSIENT_FAILURE";
    case ChannelState::kShutdown:
      return to << "SHUTDOWN";
  }
  return to;
}

void ChannelStateWatch::End() {
  if (watch_ == nullptr) return;
  // In a child after fork(2) nobody tells it anything.
  if (!watch_->inherited_by_fork()) {
    {
      ChannelLock lock(connectivity_->mutex());
      connectivity_->Remove(*watch_);
    }
    watch_->End();
  }
  watch_.reset();
  connectivity_.reset();
}

ChannelState ChannelCore::state() {
  if (!CheckProcess().ok()) return ChannelState::kShutdown;
  ChannelLock lock(mutex());
  return connectivity_->state();
}

absl::StatusOr<ChannelStateWatch> ChannelCore::WatchState(
    absl::AnyInvocable<void(ChannelState)> on_change) {
  absl::Status status = CheckProcess();
  if (!status.ok()) return status;
  absl::StatusOr<std::shared_ptr<LoopCore>> loop = GetLoop();
  if (!loop.ok()) return loop.status();
  auto watch = std::make_shared<StateWatch>(*loop, std::move(on_change));
  ChannelLock lock(mutex());
  if (connection_ != nullptr) {
    // So that its end is noticed also without calls.
    status = connection_->ReadWith(*loop);
    if (!status.ok()) return status;
  }
  connectivity_->Add(*watch);
  return ChannelStateWatch(connectivity_, std::move(watch));
}

absl::Status ChannelCore::WaitForReady(absl::Duration timeout) {
  absl::Status process = CheckProcess();
  if (!process.ok()) return process;
  const MonotonicTime deadline = DeadlineAfter(clock_.Now(), timeout);
  // An attempt of its own only if nobody else makes them.
  bool first = true;
  do {
    absl::StatusOr<std::shared_ptr<ClientConnection>> got =
        AwaitConnection(first, deadline);
    first = false;
    if (!got.ok()) {
      if (absl::IsUnavailable(got.status())) continue;
      return got.status();
    }
    if (*got != nullptr && (*got)->AwaitReady(deadline)) {
      return absl::OkStatus();
    }
    // Not once more when the time is over: the last attempt that had time says
    // why.
  } while (clock_.Now() < deadline);
  return absl::DeadlineExceededError(
      absl::StrCat("the server was not ready in time: ", WhyNotReady()));
}

absl::StatusOr<std::shared_ptr<ClientConnection>> ChannelCore::AwaitConnection(
    bool at_once, MonotonicTime deadline) {
  WaitingThread thread;
  ConnectionWaits::Waiter waiter(/*patient=*/true, &thread);
  absl::StatusOr<std::shared_ptr<ClientConnection>> got = nullptr;
  ChannelLock lock(mutex());
  if (at_once && !Reconnects()) return GetConnection(lock);
  waits_.Enter(waiter);
  MonotonicTime now = clock_.Now();
  while (now < deadline) {
    const MonotonicTime turn = waits_.TurnOf(waiter);
    if (turn <= now) {
      got = GetConnection(lock);
      break;
    }
    lock.Unlock();
    thread.parker.Park(clock_.SleepUntil(std::min(turn, deadline)));
    lock.Relock();
    now = clock_.Now();
  }
  waits_.Leave(waiter, lock);
  return got;
}

std::string ChannelCore::WhyNotReady() {
  ChannelLock lock(mutex());
  switch (connectivity_->state()) {
    case ChannelState::kTransientFailure:
      return std::string(WhyNotConnected().message());
    case ChannelState::kConnecting:
      return "its hello has not come: it hangs, or is no fdrpc server";
    default:
      return absl::StrCat("the connection has ended: ",
                          std::string(WhyNotConnected().message()));
  }
}

}  // namespace fdrpc
