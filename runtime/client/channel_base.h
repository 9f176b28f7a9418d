#ifndef FDRPC_CLIENT_CHANNEL_BASE_H_
#define FDRPC_CLIENT_CHANNEL_BASE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "client/channel_lock.h"
#include "client/channel_target.h"
#include "fdrpc/caller.h"
#include "fdrpc/channel.h"
#include "fdrpc/channel_state.h"
#include "fdrpc/channel_statistics.h"
#include "loop/loop_core.h"
#include "loop/timer_queue.h"
#include "os/fork_generation.h"

namespace fdrpc {

// What a Channel's handles share: its implementation over connections
// (ChannelCore), or over datagrams (DatagramChannel). Has what both need: the
// options, the loop, and the timers of calls for which no thread waits.
class ChannelBase : public Caller,
                    public LoopCore::Source,
                    public std::enable_shared_from_this<ChannelBase> {
 public:
  // Something to be called when a time has come.
  class CallTimer : public TimerQueue::Timer {
   public:
    virtual void OnExpired(ChannelLock& lock)
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) = 0;

   protected:
    ~CallTimer() = default;
  };

  const ChannelTarget& target() const { return target_; }

  // As in Channel.
  virtual ChannelState state() = 0;
  virtual bool uses_rings() { return false; }
  virtual ChannelStatistics statistics() = 0;
  virtual absl::Status WaitForReady(absl::Duration timeout) = 0;
  virtual absl::StatusOr<ChannelStateWatch> WatchState(
      absl::AnyInvocable<void(ChannelState)> on_change) = 0;

  std::shared_ptr<ContinuationRunner> runner() final
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // ---- for calls

  ChannelMutex& mutex() const { return mutex_; }
  const ChannelOptions& options() const { return options_; }
  const Clock& clock() const { return clock_; }
  // FAILED_PRECONDITION in a child made by fork(2), which must not take the
  // lock either: another thread of the parent may have held it.
  absl::Status CheckProcess() const;
  bool inherited_by_fork() const { return fork_mark_.inherited(); }
  absl::StatusOr<std::shared_ptr<LoopCore>> GetLoop()
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Makes the loop, which must exist, call OnExpired() once `at` has passed. To
  // be undone before `timer` is destroyed.
  void SetTimer(MonotonicTime at, CallTimer& timer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void CancelTimer(CallTimer& timer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    timers_.Cancel(timer);
  }

 protected:
  // `mutex`: the derived class's. `loop`: null means the process's own, which
  // is made when it is needed. `clock` is also the loop's, and must outlive the
  // channel.
  ChannelBase(ChannelMutex& mutex, const ChannelOptions& options,
              std::shared_ptr<LoopCore> loop, const Clock& clock,
              ChannelTarget target);

  // Null until it is needed.
  const std::shared_ptr<LoopCore>& loop() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return loop_;
  }
  // Makes the loop, if there is one, call OnTime() at the first of the times.
  void Arm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // LoopCore::Source: a time has come.
  void OnWake() override ABSL_LOCKS_EXCLUDED(channel_mutex);

 private:
  // What else there is to do at a time, and when that is.
  virtual void OnTime(MonotonicTime now, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) = 0;
  virtual MonotonicTime next_time()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) = 0;

  const ChannelTarget target_;
  ChannelMutex& mutex_;
  const ChannelOptions options_;
  const Clock& clock_;
  const ForkMark fork_mark_;

  std::shared_ptr<LoopCore> loop_ ABSL_GUARDED_BY(channel_mutex);
  // Separate from the loop's timers, because calls would take the loop's lock
  // twice each.
  TimerQueue timers_ ABSL_GUARDED_BY(channel_mutex);
  LoopCore::Timer timer_ ABSL_GUARDED_BY(channel_mutex);
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_BASE_H_
