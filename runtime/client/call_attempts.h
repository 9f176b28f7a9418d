#ifndef FDRPC_CLIENT_CALL_ATTEMPTS_H_
#define FDRPC_CLIENT_CALL_ATTEMPTS_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "client/call_request.h"
#include "client/channel_core.h"
#include "client/channel_lock.h"
#include "client/client_connection.h"
#include "client/connection_waits.h"
#include "client/pending_call.h"
#include "client/waiting_threads.h"

namespace fdrpc {

// The attempts to make one call: gives it to the channel's connection, and to
// another one if a server goes without having seen it. Where servers are not
// there, it waits with the other calls of the channel. Owns the request, of
// which each attempt sends a copy, and keeps the connection of the last
// attempt. What the call gets is no affair of its.
class CallAttempts final : private PendingCall::Owner,
                           private ConnectionWaits::Waiter,
                           private ChannelCore::Timed {
 public:
  // Both outlive it.
  CallAttempts(ChannelCore& core, PendingCall& call, bool wait_for_ready);

  // Before Begin(): what is to be sent, as of CallRequest::Prepare().
  absl::Status Prepare(const OutgoingMessage* request, bool borrow,
                       const Metadata& metadata);
  // Before Begin(): connections are read by `loop`, which also makes the
  // further attempts; else a thread that waits makes them, in Await().
  void RunOn(std::shared_ptr<LoopCore> loop) { loop_ = std::move(loop); }

  // Makes the first attempt. Like further ones it ends the call if there is no
  // connection to be had.
  void Begin(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // For a thread that waits and whose call has no connection: blocks until it
  // has one, has ended, or its deadline has passed; the lock is given up
  // meanwhile.
  void Await(WaitingThread& thread, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Makes no more.
  void End(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // That of the last attempt; null before the first.
  const std::shared_ptr<ClientConnection>& connection() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return connection_;
  }

 private:
  // PendingCall::Owner.
  void OnUnseen(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // ConnectionWaits::Waiter.
  void OnTurn(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // ChannelCore::Timed: the server has been busy for too long.
  void OnTime(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Gives the call to a connection, if one can be had, or ends it; false if it
  // is to wait.
  bool Try(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // What Try() does where the server is too busy to take a connection.
  bool GivesUpBusyServer(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void EndBusy() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  ChannelCore& core_;
  PendingCall& call_;
  const bool wait_for_ready_;

  CallRequest request_;             // Prepare()'s, then guarded by the mutex
  std::shared_ptr<LoopCore> loop_;  // RunOn()'s, or null

  std::shared_ptr<ClientConnection> connection_ ABSL_GUARDED_BY(channel_mutex);
  int made_ ABSL_GUARDED_BY(channel_mutex) = 0;
  // Until when it waits for a server that is too busy to take a connection.
  MonotonicTime busy_until_ ABSL_GUARDED_BY(channel_mutex) = kNoDeadline;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALL_ATTEMPTS_H_
