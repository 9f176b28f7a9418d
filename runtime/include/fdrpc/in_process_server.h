#ifndef FDRPC_IN_PROCESS_SERVER_H_
#define FDRPC_IN_PROCESS_SERVER_H_

#include <initializer_list>
#include <type_traits>

#include "fdrpc/channel.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/internal/handler_checks.h"
#include "fdrpc/server.h"
#include "fdrpc/service.h"

namespace fdrpc {

// A server that serves from its construction to its destruction, and a channel
// to it, for tests of code that calls a service:
//
//   fdrpc::InProcessServer server(service);
//   FileBroker::Stub stub(server.channel());
//
// If the system has no descriptors or threads for it, it serves nothing, and
// calls through the channel fail with the reason.
class FDRPC_API InProcessServer {
 public:
  // Borrow the services until the server is destroyed.
  explicit InProcessServer(Service& service, const ServerOptions& options = {})
      : InProcessServer({&service}, options) {}
  // Does not compile if a method of the service only hides a handler.
  template <typename Derived>
  requires std::is_convertible_v<Derived*, Service*>
  explicit InProcessServer(Derived& service, const ServerOptions& options = {})
      : InProcessServer({static_cast<Service*>(&service)}, options) {
    internal::CheckService<Derived>();
  }
  explicit InProcessServer(std::initializer_list<Service*> services,
                           const ServerOptions& options = {});
  // Shuts down without a drain time, and waits for handlers to end. Copies of
  // the channel remain valid, and fail their calls.
  ~InProcessServer() = default;
  InProcessServer(const InProcessServer&) = delete;
  InProcessServer& operator=(const InProcessServer&) = delete;

  const Channel& channel() const { return channel_; }
  // To shut it down, or for further channels.
  Server& server() { return server_; }

 private:
  Server server_;
  Channel channel_;
};

}  // namespace fdrpc

#endif  // FDRPC_IN_PROCESS_SERVER_H_
