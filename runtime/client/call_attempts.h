#ifndef FDRPC_CLIENT_CALL_ATTEMPTS_H_
#define FDRPC_CLIENT_CALL_ATTEMPTS_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "client/channel_core.h"
#include "client/channel_lock.h"
#include "client/client_connection.h"
#include "client/connection_waits.h"
#include "client/pending_call.h"
#include "client/waiting_threads.h"

namespace fdrpc {

// The attempts to make one call: starts the call on the channel's connection,
// and on another one if the server goes without having seen it. While there is
// no server, it waits together with the channel's other calls. Owns the
// connection of the last attempt; does not handle the replies.
class CallAttempts final : private PendingCall::Owner,
                           private ConnectionWaits::Waiter,
                           private ChannelCore::CallTimer {
 public:
  // Both must outlive it.
  CallAttempts(ChannelCore& core, PendingCall& call, bool wait_for_ready);

  // Makes the first attempt, after the call's request was prepared. Like
  // further ones, it ends the call if no connection can be made. The call's
  // loop makes those; without one, a thread that waits does, in Await().
  void Begin(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // For a thread that waits while its call has no connection: blocks until it
  // has one, has ended, or its deadline has passed. Releases the lock
  // meanwhile.
  void Await(WaitingThread& thread, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Makes no further attempts.
  void End(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // The connection of the last attempt; null before the first.
  const std::shared_ptr<ClientConnection>& connection() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return connection_;
  }

 private:
  // Implementation of PendingCall::Owner.
  void OnUnseen(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Implementation of ConnectionWaits::Waiter.
  void OnTurn(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // ChannelCore::CallTimer: the server has been busy for too long.
  void OnExpired(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Starts the call on a connection, if one can be made, or ends it; false if
  // it has to wait.
  bool Try(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The part of Try() for a server that is too busy to accept a connection.
  bool GivesUpBusyServer(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void EndBusy() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  ChannelCore& core_;
  PendingCall& call_;
  const bool wait_for_ready_;

  std::shared_ptr<ClientConnection> connection_ ABSL_GUARDED_BY(channel_mutex);
  int made_ ABSL_GUARDED_BY(channel_mutex) = 0;
  // How long it waits for a server that is too busy to accept a connection.
  MonotonicTime busy_until_ ABSL_GUARDED_BY(channel_mutex) = kNoDeadline;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALL_ATTEMPTS_H_
