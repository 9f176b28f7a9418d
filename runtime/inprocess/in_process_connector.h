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

// Connects a channel to a server of the same process: makes a pair of
// transports and passes one to the server, if it still exists. Owns neither
// channel nor server.
class InProcessConnector {
 public:
  // A connector to `server`, after the server is ready for it.
  static absl::StatusOr<InProcessConnector> Create(Server& server);
  // A channel over such a connector.
  static absl::StatusOr<Channel> Open(Server& server,
                                      const ChannelOptions& options);
  // A channel whose calls fail with `why`.
  static Channel Failing(absl::Status why);

  // As Reconnector::Connector.
  absl::StatusOr<std::unique_ptr<Transport>> operator()() const;

 private:
  explicit InProcessConnector(std::weak_ptr<ServerCore> server)
      : server_(std::move(server)) {}

  const std::weak_ptr<ServerCore> server_;
};

}  // namespace fdrpc

#endif  // FDRPC_INPROCESS_IN_PROCESS_CONNECTOR_H_
