#ifndef FDRPC_CLIENT_CHANNEL_CORE_H_
#define FDRPC_CLIENT_CHANNEL_CORE_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "client/client_connection.h"
#include "fdrpc/caller.h"
#include "fdrpc/channel.h"
#include "transport/transport.h"

namespace fdrpc {

// What the handles of one Channel share: the way to make a connection, and the
// connection that new calls go to.
class ChannelCore final : public Caller {
 public:
  // Makes a connected transport, without blocking. UNAVAILABLE if the server is
  // not there at the moment; other errors will not go away by waiting.
  using Connector = std::function<absl::StatusOr<std::unique_ptr<Transport>>()>;

  ChannelCore(Connector connector, const ChannelOptions& options);

  absl::Status CallUnary(const Method& method, OutgoingMessage request,
                         IncomingMessage reply,
                         const CallOptions& options) override;

 private:
  absl::Status CheckCall(const OutgoingMessage& request,
                         const CallOptions& options) const;
  // The connection for a new call; waits for the server if the call does.
  absl::StatusOr<std::shared_ptr<ClientConnection>> AwaitConnection(
      const CallOptions& options, MonotonicTime deadline)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::shared_ptr<ClientConnection>> GetConnection()
      ABSL_LOCKS_EXCLUDED(mu_);

  // Lets go of a connection that has ended, and so of its socket and of what of
  // an unfinished frame it holds, without waiting for the next call.
  void Forget(const ClientConnection& connection) ABSL_LOCKS_EXCLUDED(mu_);

  const Connector connector_;
  const ChannelOptions options_;
  const uint32_t fork_generation_;

  Mutex mu_;
  std::shared_ptr<ClientConnection> connection_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_CORE_H_
