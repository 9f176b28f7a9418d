#ifndef FDRPC_INTERNAL_SERVICE_FIELD_H_
#define FDRPC_INTERNAL_SERVICE_FIELD_H_

// What the generated accessors of fields with a service call
// ((fdrpc.fd_rules).service). Servers and channels are parameters of templates,
// because a program that has messages with such fields need not have either.

#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/service.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

class Channel;

namespace internal {

// A new pair of sockets: one to be served, and one to be sent.
struct ServicePair {
  UniqueFd served;
  UniqueFd sent;
};
// INVALID_ARGUMENT if `service` is null, or is not the service that `field`
// carries. Errors of socketpair(2) by their errno.
FDRPC_API absl::StatusOr<ServicePair> NewServicePair(const Service* service,
                                                     std::string_view name,
                                                     std::string_view field);
// Why no stub can be made for `field`, with its name: because of `why`, or, if
// that is OK, because it has no descriptor (INVALID_ARGUMENT).
FDRPC_API absl::Status NoService(std::string_view field,
                                 const absl::Status& why = {});

// Has `server` serve `service`, and returns the socket for its client. Errors
// as NewServicePair() and Server::ServeConnection().
template <typename ServiceServer>
absl::StatusOr<UniqueFd> ServeNewPair(ServiceServer& server,
                                      std::shared_ptr<Service> service,
                                      std::string_view name,
                                      std::string_view field) {
  absl::StatusOr<ServicePair> pair = NewServicePair(service.get(), name, field);
  if (!pair.ok()) return pair.status();
  absl::Status serves =
      server.ServeConnection(std::move(pair->served), std::move(service));
  if (!serves.ok()) return serves;
  return std::move(pair->sent);
}

// Makes a stub of the socket, which is empty if the field has none.
template <typename Served, typename ClientChannel>
absl::StatusOr<typename Served::Stub> OpenService(
    UniqueFd socket, const typename ClientChannel::Options& options,
    std::string_view field) {
  if (!socket.ok()) return NoService(field);
  absl::StatusOr<ClientChannel> channel =
      ClientChannel::FromSocket(std::move(socket), options);
  if (!channel.ok()) return NoService(field, channel.status());
  return typename Served::Stub(*channel);
}

}  // namespace internal
}  // namespace fdrpc

#endif  // FDRPC_INTERNAL_SERVICE_FIELD_H_
