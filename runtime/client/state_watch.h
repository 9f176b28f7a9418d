#ifndef FDRPC_CLIENT_STATE_WATCH_H_
#define FDRPC_CLIENT_STATE_WATCH_H_

#include <cstdint>
#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "base/mutex.h"
#include "client/channel_lock.h"
#include "fdrpc/channel_state.h"
#include "loop/loop_core.h"
#include "os/fork_generation.h"

namespace fdrpc {

// Calls a function on a loop with the states of a channel, one after the other.
// Owns the function.
class StateWatch : public std::enable_shared_from_this<StateWatch> {
 public:
  StateWatch(std::shared_ptr<LoopCore> loop,
             absl::AnyInvocable<void(ChannelState)> on_change);

  // Any thread, with or without the channel's lock.
  void Tell(ChannelState state) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits, without the channel's lock, until the function has returned, unless
  // the function itself calls this. It is not called again.
  void End() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether this is a child's copy, made by fork(2).
  bool inherited_by_fork() const { return fork_mark_.inherited(); }

 private:
  // On the loop: reports the pending states.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<LoopCore> loop_;
  const ForkMark fork_mark_;
  // Used by Run() while running_, and by End() afterwards.
  absl::AnyInvocable<void(ChannelState)> on_change_;

  Mutex mu_ ABSL_ACQUIRED_AFTER(channel_mutex)
      ABSL_ACQUIRED_BEFORE(lock_order::loop);
  CondVar returned_;
  std::deque<ChannelState> to_tell_ ABSL_GUARDED_BY(mu_);
  bool posted_ ABSL_GUARDED_BY(mu_) = false;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_STATE_WATCH_H_
