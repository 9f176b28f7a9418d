#ifndef FDRPC_CHANNEL_TO_CLIENT_H_
#define FDRPC_CHANNEL_TO_CLIENT_H_

#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/server_context.h"

namespace fdrpc {

// For a handler: a channel to the services that its client offers
// (fdrpc/offered_services.h), to call the client back.
//
//   absl::StatusOr<fdrpc::Channel> client = fdrpc::ChannelToClient(context);
//   if (!client.ok()) return client.status();
//   Observer::Stub observer(*client);
//
// All calls of one connection get handles to the same channel. A handle may be
// kept after the handler has ended. The channel ends with the connection on
// which its services were offered, from either side: calls in progress end with
// UNAVAILABLE, further ones with FAILED_PRECONDITION. It never connects again;
// when the client does, calls of the new connection get a new channel. It has
// the default options; callbacks and coroutines run in the loop of a server
// that serves in one, or else on the process's own loop. A server that drains
// does not wait for such calls, but for the handlers that make them.
//
// FAILED_PRECONDITION if the client offers nothing, and for contexts of tests;
// RESOURCE_EXHAUSTED if the client's offer exceeded a limit (it counts as a
// descriptor that the connection's requests hold); UNAVAILABLE if the client's
// connection has ended. Does not block. While the handler runs, from any
// thread.
FDRPC_API absl::StatusOr<Channel> ChannelToClient(ServerContext& context);

}  // namespace fdrpc

#endif  // FDRPC_CHANNEL_TO_CLIENT_H_
