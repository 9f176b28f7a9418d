#include "fdrpc/offered_services.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/server_core.h"
#include "transport/revocable_transport.h"

namespace fdrpc {
namespace {

// Offers the services of a server, if it still exists.
class ServerOffer final : public ServiceOffer {
 public:
  // `ready`: whether the server could be prepared.
  ServerOffer(std::weak_ptr<ServerCore> server, absl::Status ready)
      : server_(std::move(server)), ready_(std::move(ready)) {}

  absl::StatusOr<std::shared_ptr<const void>> Serve(
      UniqueFd socket, const PeerCredentials& peer) override {
    if (!ready_.ok()) return ready_;
    const std::shared_ptr<ServerCore> server = server_.lock();
    if (server == nullptr) return Ended("they have been destroyed");
    absl::Status usable = server->CheckProcess();
    if (!usable.ok()) return usable;
    auto served = std::make_shared<TransportRevoker>();
    absl::Status serves = server->sources().ServeOwnPair(
        std::move(socket), peer, {.peer_is_told = true, .may_be_silent = true},
        served.get());
    if (!serves.ok()) return Ended(std::string(serves.message()));
    return served;
  }

 private:
  static absl::Status Ended(const std::string& why) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the services that the channel offers cannot be served: ", why));
  }

  const std::weak_ptr<ServerCore> server_;
  const absl::Status ready_;
};

void AddAll(Server& server, std::initializer_list<Service*> services) {
  for (Service* service : services) server.AddService(*service);
}

absl::Status Started(Server& server, std::initializer_list<Service*> services) {
  AddAll(server, services);
  absl::Status ready = server.AwaitConnections();
  return ready.ok() ? server.Start() : ready;
}

absl::Status Started(Server& server, std::initializer_list<Service*> services,
                     Loop loop) {
  AddAll(server, services);
  absl::Status ready = server.AwaitConnections();
  return ready.ok() ? server.Start(std::move(loop)) : ready;
}

}  // namespace

OfferedServices::OfferedServices(std::initializer_list<Service*> services,
                                 const ServerOptions& options)
    : own_(std::make_unique<Server>(options)),
      server_(*own_),
      offer_(OfferOf(Started(server_, services))) {}

OfferedServices::OfferedServices(std::initializer_list<Service*> services,
                                 Loop loop, const ServerOptions& options)
    : own_(std::make_unique<Server>(options)),
      server_(*own_),
      offer_(OfferOf(Started(server_, services, std::move(loop)))) {}

OfferedServices::OfferedServices(Server& server)
    : server_(server), offer_(OfferOf(server.AwaitConnections())) {}

std::shared_ptr<ServiceOffer> OfferedServices::OfferOf(
    absl::Status ready) const {
  return std::make_shared<ServerOffer>(server_.core_, std::move(ready));
}

}  // namespace fdrpc
