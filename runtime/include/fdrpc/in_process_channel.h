#ifndef FDRPC_IN_PROCESS_CHANNEL_H_
#define FDRPC_IN_PROCESS_CHANNEL_H_

#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"

namespace fdrpc {

// A channel to `server`, of the same process, without a socket: messages move
// through memory, and descriptors are duplicated. All else is as over a socket,
// limits, deadlines and connections that are made anew included; handlers see
// this process as their peer.
//
// The server need not Listen(), and may be started later: calls wait until
// then. The channel does not keep the server: once that has shut down or is
// destroyed, calls fail with UNAVAILABLE.
//
// Before the server serves, this is called on the thread that makes it ready;
// then on any. Errors of what the server needs to wait for calls, at the limit
// of open files.
absl::StatusOr<Channel> InProcessChannel(Server& server,
                                         ChannelOptions options = {});

}  // namespace fdrpc

#endif  // FDRPC_IN_PROCESS_CHANNEL_H_
