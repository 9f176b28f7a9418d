#ifndef FDRPC_CLIENT_CALL_ATTEMPTS_H_
#define FDRPC_CLIENT_CALL_ATTEMPTS_H_

#include <memory>
#include <vector>

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

  // The channel's lock, under the name that it has here.
  ChannelLock& lock() ABSL_LOCK_RETURNED(lock_) { return lock_; }

  // Before Begin(): what is to be sent, as of CallRequest::Prepare().
  absl::Status Prepare(const OutgoingMessage* request, bool borrow,
                       const Metadata& metadata);
  // Before Begin(): connections are read by `loop`, which also makes the
  // further attempts; else a thread that waits makes them, in Await().
  void RunOn(std::shared_ptr<LoopCore> loop) { loop_ = std::move(loop); }

  // Makes the first attempt. Like further ones it ends the call if there is no
  // connection to be had.
  void Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // For a thread that waits and whose call has no connection: blocks until it
  // has one, has ended, or its deadline has passed; the lock is given up
  // meanwhile.
  void Await(WaitingThread& thread) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Makes no more.
  void End() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  // That of the last attempt; null before the first.
  const std::shared_ptr<ClientConnection>& connection() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    return connection_;
  }

 private:
  // PendingCall::Owner.
  void OnUnseen() override;

  // ConnectionWaits::Waiter.
  void OnTurn(
      std::vector<std::shared_ptr<ClientConnection>>& connections) override;

  // ChannelCore::Timed: the server has been busy for too long.
  void OnTime(
      MonotonicTime now,
      std::vector<std::shared_ptr<ClientConnection>>& connections) override;

  // Gives the call to a connection, if one can be had, or ends it; false if it
  // is to wait.
  bool Try() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // What Try() does where the server is too busy to take a connection.
  bool GivesUpBusyServer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void EndBusy() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  ChannelCore& core_;
  ChannelLock& lock_;
  PendingCall& call_;
  const bool wait_for_ready_;

  CallRequest request_;             // Prepare()'s, then guarded by lock_
  std::shared_ptr<LoopCore> loop_;  // RunOn()'s, or null

  std::shared_ptr<ClientConnection> connection_ ABSL_GUARDED_BY(lock_);
  // Kept so that it goes without the lock.
  std::shared_ptr<ClientConnection> former_connection_ ABSL_GUARDED_BY(lock_);
  int made_ ABSL_GUARDED_BY(lock_) = 0;
  // Until when it waits for a server that is too busy to take a connection.
  MonotonicTime busy_until_ ABSL_GUARDED_BY(lock_) = kNoDeadline;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALL_ATTEMPTS_H_
