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

// Has a function called on a loop, with one state of a channel after the other.
class StateWatch : public std::enable_shared_from_this<StateWatch> {
 public:
  StateWatch(std::shared_ptr<LoopCore> loop,
             absl::AnyInvocable<void(ChannelState)> on_change);

  // Any thread, with the channel's lock or without.
  void Tell(ChannelState state) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits, without the channel's lock, until the function has returned, unless
  // it is itself that calls this; it is not called again.
  void End() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether this is a child's copy, made by fork(2).
  bool inherited_by_fork() const { return fork_mark_.inherited(); }

 private:
  // On the loop: tells what there is.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<LoopCore> loop_;
  const ForkMark fork_mark_;
  // Run()'s while running_, and End()'s afterwards.
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
