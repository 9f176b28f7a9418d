#ifndef FDRPC_OFFERED_SERVICES_H_
#define FDRPC_OFFERED_SERVICES_H_

#include <initializer_list>
#include <memory>

#include "absl/status/status.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/loop.h"
#include "fdrpc/server.h"
#include "fdrpc/service.h"
#include "fdrpc/service_offer.h"

namespace fdrpc {

// Services that a client offers to the servers that it calls, so that their
// handlers can call it back (fdrpc/channel_to_client.h):
//
//   MyObserver observer;
//   fdrpc::OfferedServices offered({&observer});
//   auto channel = fdrpc::Channel::Connect(address, {.offer = offered});
//
// Any number of channels may offer the same services. Their handlers see the
// server as the peer (ServerContext::peer(), without a pidfd). A call back ends
// with UNAVAILABLE when the channel's connection does.
//
// Destroy the channels first: a channel whose offered services are gone cannot
// connect (FAILED_PRECONDITION).
class FDRPC_API OfferedServices {
 public:
  // The options by default: those of a server, except that the limit of open
  // files is left as it is.
  static ServerOptions DefaultOptions() {
    ServerOptions options;
    options.raise_open_files_limit = false;
    return options;
  }

  // Borrows `services`, and serves them on threads of its own. If they cannot
  // be started, calls of the channels fail with the reason.
  explicit OfferedServices(std::initializer_list<Service*> services,
                           const ServerOptions& options = DefaultOptions());
  // The same in a loop: handlers are called on its thread, as by a server in a
  // loop. A blocking call on that thread would wait for itself if the server
  // calls back for it.
  OfferedServices(std::initializer_list<Service*> services, Loop loop,
                  const ServerOptions& options = DefaultOptions());
  // The services of `server`, which is borrowed, and which need not listen.
  // Before it serves.
  explicit OfferedServices(Server& server);
  // Blocks until the handlers have ended, as the destructor of Server.
  ~OfferedServices() = default;
  OfferedServices(const OfferedServices&) = delete;
  OfferedServices& operator=(const OfferedServices&) = delete;

  // For ChannelOptions::offer.
  operator std::shared_ptr<ServiceOffer>() const { return offer_; }  // NOLINT
  // What serves them. It can also serve others: services in messages.
  Server& server() { return server_; }

 private:
  std::shared_ptr<ServiceOffer> OfferOf(absl::Status ready) const;

  const std::unique_ptr<Server> own_;  // null if it is another's
  Server& server_;
  const std::shared_ptr<ServiceOffer> offer_;
};

}  // namespace fdrpc

#endif  // FDRPC_OFFERED_SERVICES_H_
