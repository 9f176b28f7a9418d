#ifndef FDRPC_CLIENT_CHANNEL_CORE_H_
#define FDRPC_CLIENT_CHANNEL_CORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "client/channel_lock.h"
#include "client/client_connection.h"
#include "client/connection_waits.h"
#include "client/connectivity.h"
#include "client/reconnector.h"
#include "fdrpc/caller.h"
#include "fdrpc/channel.h"
#include "fdrpc/channel_state.h"
#include "loop/loop_core.h"
#include "loop/timer_queue.h"
#include "os/fork_generation.h"

namespace fdrpc {

// The implementation of a Channel, which its handles share: makes calls on the
// Reconnector's connection, and runs the timers of calls for which no thread
// waits.
class ChannelCore final : public Caller,
                          public LoopCore::Source,
                          private Connectivity::Listener,
                          public std::enable_shared_from_this<ChannelCore> {
 public:
  // Something to be called when a time has come.
  class CallTimer : public TimerQueue::Timer {
   public:
    virtual void OnExpired(ChannelLock& lock)
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) = 0;

   protected:
    ~CallTimer() = default;
  };

  // `loop`: null means the process's own, which is made when it is needed. Uses
  // `clock`, like the loop; it must outlive the channel.
  ChannelCore(Reconnector::Connector connector, const ChannelOptions& options,
              std::shared_ptr<LoopCore> loop,
              const Clock& clock = Clock::Real());
  ~ChannelCore() override;
  // Before the channel is used. Null: failures are reported as they are.
  void ExplainWith(Reconnector::Explainer explainer) {
    reconnector_.ExplainWith(std::move(explainer));
  }

  // Implementation of Caller.
  absl::Status CallUnary(const Method& method, OutgoingMessage request,
                         IncomingMessage reply,
                         const CallOptions& options) override;
  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form) override;
  std::shared_ptr<ContinuationRunner> runner() override
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // ---- for Channel

  ChannelState state() ABSL_LOCKS_EXCLUDED(channel_mutex);
  absl::Status WaitForReady(absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  absl::StatusOr<ChannelStateWatch> WatchState(
      absl::AnyInvocable<void(ChannelState)> on_change)
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // ---- for calls

  ChannelMutex& mutex() const { return connectivity_->mutex(); }
  const ChannelOptions& options() const { return options_; }
  const Clock& clock() const { return clock_; }
  // FAILED_PRECONDITION in a child made by fork(2), which must not take the
  // lock either: another thread of the parent may have held it.
  absl::Status CheckProcess() const;
  bool inherited_by_fork() const { return fork_mark_.inherited(); }
  absl::StatusOr<std::shared_ptr<LoopCore>> GetLoop()
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // The connection for a new call, which is made if there is none; null if the
  // server is busy, so that another attempt soon makes sense.
  absl::StatusOr<std::shared_ptr<ClientConnection>> GetConnection(
      ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  Reconnector& reconnector() { return reconnector_; }
  // Makes the loop, which must exist, call OnTurn() when it is the waiter's
  // turn to use the connection, or to make one.
  void Wait(ConnectionWaits::Waiter& waiter)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Makes the loop, which must exist, call OnExpired() once `at` has passed. To
  // be undone before `timer` is destroyed.
  void SetTimer(MonotonicTime at, CallTimer& timer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void CancelTimer(CallTimer& timer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    timers_.Cancel(timer);
  }

 private:
  // Before a stream begins, which cannot be made again once it has been written
  // to: finds out whether the server is going.
  void ReadWhatCame() ABSL_LOCKS_EXCLUDED(channel_mutex);
  // Blocks until there is a connection, possibly made by others, or the next
  // attempt has failed, or `deadline`: null then, and if the server is busy.
  // `at_once`: makes an attempt unless others do.
  absl::StatusOr<std::shared_ptr<ClientConnection>> AwaitConnection(
      bool at_once, MonotonicTime deadline) ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Implementation of Connectivity::Listener.
  void OnServerReady(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // LoopCore::Source: a time has come.
  void OnWake() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  // Makes the loop call OnWake() at the first of the times.
  void Arm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  const ChannelOptions options_;
  const Clock& clock_;
  const ForkMark fork_mark_;

  // Shared with the connections, which a loop may keep for a moment longer.
  const std::shared_ptr<Connectivity> connectivity_;
  Reconnector reconnector_;
  std::shared_ptr<LoopCore> loop_ ABSL_GUARDED_BY(channel_mutex);
  // Separate from the loop's timers, because calls would take the loop's lock
  // twice each.
  TimerQueue timers_ ABSL_GUARDED_BY(channel_mutex);
  LoopCore::Timer timer_ ABSL_GUARDED_BY(channel_mutex);
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_CORE_H_
