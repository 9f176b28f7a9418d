#ifndef FDRPC_INPROCESS_IN_PROCESS_CONNECTOR_H_
#define FDRPC_INPROCESS_IN_PROCESS_CONNECTOR_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "server/server_core.h"
#include "transport/transport.h"

namespace fdrpc {

// How a channel connects to a server of its process: makes the two ends of a
// connection, and hands one to the server, if that is still there.
class InProcessConnector {
 public:
  // One to `server`, once that is ready for it.
  static absl::StatusOr<InProcessConnector> To(Server& server);
  // The channel over it.
  static absl::StatusOr<Channel> Open(Server& server,
                                      const ChannelOptions& options);
  // A channel whose calls fail with `why`.
  static Channel Failing(absl::Status why);

  // ChannelCore::Connector.
  absl::StatusOr<std::unique_ptr<Transport>> operator()() const;

 private:
  explicit InProcessConnector(std::weak_ptr<ServerCore> server)
      : server_(std::move(server)) {}

  const std::weak_ptr<ServerCore> server_;
};

}  // namespace fdrpc

#endif  // FDRPC_INPROCESS_IN_PROCESS_CONNECTOR_H_
