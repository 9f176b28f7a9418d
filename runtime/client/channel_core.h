#ifndef FDRPC_CLIENT_CHANNEL_CORE_H_
#define FDRPC_CLIENT_CHANNEL_CORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "client/channel_lock.h"
#include "client/client_connection.h"
#include "fdrpc/caller.h"
#include "fdrpc/channel.h"
#include "loop/loop_core.h"
#include "transport/transport.h"

namespace fdrpc {

class ChannelCall;

// What the handles of one Channel share: the way to make a connection, the
// connection that new calls go to, and the times at which calls that no thread
// waits for must be looked at.
class ChannelCore final : public Caller,
                          public LoopCore::Source,
                          public std::enable_shared_from_this<ChannelCore> {
 public:
  // Makes a connected transport, without blocking. UNAVAILABLE if the server is
  // not there at the moment; other errors will not go away by waiting.
  using Connector = std::function<absl::StatusOr<std::unique_ptr<Transport>>()>;

  // `loop`: null for the process's own, which is made when it is needed.
  ChannelCore(Connector connector, const ChannelOptions& options,
              std::shared_ptr<LoopCore> loop);

  // Caller.
  absl::Status CallUnary(const Method& method, OutgoingMessage request,
                         IncomingMessage reply,
                         const CallOptions& options) override;
  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form) override;

  // ---- for the calls

  // The channel's lock, under the name that it has here.
  ChannelLock& lock() ABSL_LOCK_RETURNED(lock_) { return lock_; }
  const ChannelOptions& options() const { return options_; }
  // FAILED_PRECONDITION in a child after fork(2).
  absl::Status CheckProcess() const;
  absl::StatusOr<std::shared_ptr<LoopCore>> GetLoop()
      ABSL_LOCKS_EXCLUDED(lock_);

  // The connection for a new call.
  absl::StatusOr<std::shared_ptr<ClientConnection>> GetConnection()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Lets go of a connection that takes no more calls, and so of its socket and
  // of what of an unfinished frame it holds, without waiting for the next call.
  void Forget(const ClientConnection& connection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  // Has OnTime() of a call run by the loop once `at` has passed. The call takes
  // it back before it goes.
  void LookAt(MonotonicTime at, ChannelCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void LookNoMore(MonotonicTime at, ChannelCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    times_.erase({at, &call});
  }

 private:
  // LoopCore::Source: a time has come.
  void OnWake() override ABSL_LOCKS_EXCLUDED(lock_);
  // Has the loop call OnWake() at the first of the times.
  void Arm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

  const Connector connector_;
  const ChannelOptions options_;
  const uint32_t fork_generation_;

  // Shared with the connections, of which a loop may hold one for a moment
  // longer.
  const std::shared_ptr<ChannelLock> owned_lock_;
  ChannelLock& lock_;
  std::shared_ptr<ClientConnection> connection_ ABSL_GUARDED_BY(lock_);
  std::shared_ptr<LoopCore> loop_ ABSL_GUARDED_BY(lock_);
  std::set<std::pair<MonotonicTime, ChannelCall*>> times_
      ABSL_GUARDED_BY(lock_);
  MonotonicTime armed_at_ ABSL_GUARDED_BY(lock_) = kNoDeadline;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_CORE_H_
