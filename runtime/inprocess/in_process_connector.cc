#include "inprocess/in_process_connector.h"

#include "os/local_socket.h"
#include "transport/loopback_transport.h"

namespace fdrpc {

absl::StatusOr<InProcessConnector> InProcessConnector::Create(Server& server) {
  absl::Status ready = server.core_->CheckProcess();
  if (ready.ok()) ready = server.core_->sources().AcceptInProcess();
  if (!ready.ok()) return ready;
  return InProcessConnector(server.core_);
}

absl::StatusOr<Channel> InProcessConnector::Open(
    Server& server, const ChannelOptions& options) {
  absl::StatusOr<InProcessConnector> connector = Create(server);
  if (!connector.ok()) return connector.status();
  return Channel::Over(*std::move(connector), options);
}

Channel InProcessConnector::Failing(absl::Status why) {
  return Channel::Over([why = std::move(why)] { return why; }, {});
}

absl::StatusOr<std::unique_ptr<Transport>> InProcessConnector::operator()()
    const {
  const std::shared_ptr<ServerCore> server = server_.lock();
  if (server == nullptr) {
    return absl::UnavailableError("the server has shut down");
  }
  absl::Status usable = server->CheckProcess();
  if (!usable.ok()) return usable;
  absl::StatusOr<LoopbackTransport::Pair> ends =
      LoopbackTransport::CreatePair();
  if (!ends.ok()) return ends.status();
  absl::Status connected =
      server->sources().Connect({std::move(ends->second), OwnCredentials()});
  if (!connected.ok()) return connected;
  return std::move(ends->first);
}

}  // namespace fdrpc
