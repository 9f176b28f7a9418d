#include "client/channel_base.h"

#include <algorithm>
#include <utility>

#include "connection/stream_windows.h"
#include "os/busy_poll.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

// How many timers a loop runs for a channel before others get their turn.
constexpr int kMostExpired = 64;

// The options with the limits that servers rely on.
ChannelOptions WithinLimits(ChannelOptions options) {
  options.max_reply_bytes =
      std::max(options.max_reply_bytes, kGuaranteedMessageBytes);
  options.max_reply_descriptors =
      std::max(options.max_reply_descriptors, kGuaranteedDescriptors);
  ClampStreamWindows(options);
  // A shorter interval would only cause traffic.
  constexpr absl::Duration kShortest = absl::Milliseconds(10);
  options.keepalive_interval =
      std::max<absl::Duration>(options.keepalive_interval, kShortest);
  options.keepalive_timeout =
      std::max<absl::Duration>(options.keepalive_timeout, kShortest);
  return options;
}

}  // namespace

ChannelBase::ChannelBase(ChannelMutex& mutex, const ChannelOptions& options,
                         std::shared_ptr<LoopCore> loop, const Clock& clock,
                         ChannelTarget target)
    : target_(std::move(target)),
      mutex_(mutex),
      options_(WithinLimits(options)),
      clock_(clock),
      loop_(std::move(loop)) {
  BusyPoll::PrepareSystemCalls();
}

std::shared_ptr<ContinuationRunner> ChannelBase::runner() {
  absl::StatusOr<std::shared_ptr<LoopCore>> loop = GetLoop();
  return loop.ok() ? *std::move(loop) : nullptr;
}

absl::Status ChannelBase::CheckProcess() const {
  if (!inherited_by_fork()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the channel was inherited through fork(); make a new one in the child");
}

absl::StatusOr<std::shared_ptr<LoopCore>> ChannelBase::GetLoop() {
  // The channel's loop is the parent's.
  if (inherited_by_fork()) return LoopCore::Default();
  {
    ChannelLock lock(mutex_);
    if (loop_ != nullptr) return loop_;
  }
  absl::StatusOr<std::shared_ptr<LoopCore>> made = LoopCore::Default();
  if (!made.ok()) return made;
  ChannelLock lock(mutex_);
  loop_ = *std::move(made);
  return loop_;
}

void ChannelBase::SetTimer(MonotonicTime at, CallTimer& timer) {
  timers_.Set(timer, at);
  Arm();
}

void ChannelBase::Arm() {
  if (loop_ == nullptr) return;
  const MonotonicTime at = std::min(timers_.next(), next_time());
  // Otherwise it wakes in time anyway.
  if (at < timer_.at()) loop_->SetTimer(timer_, at, weak_from_this());
}

void ChannelBase::OnWake() {
  ChannelLock lock(mutex_);
  const MonotonicTime now = clock_.Now();
  for (int i = 0; i < kMostExpired; ++i) {
    TimerQueue::Timer* const expired = timers_.TakeExpired(now);
    if (expired == nullptr) break;
    static_cast<CallTimer*>(expired)->OnExpired(lock);
  }
  OnTime(now, lock);
  Arm();
}

}  // namespace fdrpc
