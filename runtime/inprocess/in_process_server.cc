#include "fdrpc/in_process_server.h"

#include "inprocess/in_process_connector.h"

namespace fdrpc {
namespace {

Channel Started(Server& server, std::initializer_list<Service*> services) {
  for (Service* service : services) server.AddService(*service);
  absl::StatusOr<Channel> channel = InProcessConnector::Open(server, {});
  if (!channel.ok()) return InProcessConnector::Failing(channel.status());
  absl::Status started = server.Start();
  if (!started.ok()) return InProcessConnector::Failing(std::move(started));
  return *std::move(channel);
}

}  // namespace

InProcessServer::InProcessServer(std::initializer_list<Service*> services,
                                 const ServerOptions& options)
    : server_(options), channel_(Started(server_, services)) {}

}  // namespace fdrpc
