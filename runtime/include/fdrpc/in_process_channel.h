#ifndef FDRPC_IN_PROCESS_CHANNEL_H_
#define FDRPC_IN_PROCESS_CHANNEL_H_

#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/server.h"

namespace fdrpc {

// A channel to `server`, in the same process, without a socket: messages move
// through memory, and descriptors are duplicated. Everything else works as over
// a socket, including limits, deadlines and reconnecting; handlers see this
// process as their peer.
//
// The server need not Listen(), and may be started later: calls wait until
// then. The channel does not keep the server alive: after the server has shut
// down or is destroyed, calls fail with UNAVAILABLE.
//
// Before the server serves, call this on the thread that prepares it; later on
// any thread. It fails if the limit of open files leaves the server no
// descriptors to wait for calls.
FDRPC_API absl::StatusOr<Channel> InProcessChannel(Server& server,
                                                   ChannelOptions options = {});

}  // namespace fdrpc

#endif  // FDRPC_IN_PROCESS_CHANNEL_H_
