#ifndef FDRPC_SERVICES_HOST_LISTENING_SOCKET_H_
#define FDRPC_SERVICES_HOST_LISTENING_SOCKET_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/listen_options.h"
#include "fdrpc/shared_fd.h"

namespace fdrpc::host {

// Opens a listening or datagram socket, whose file has the properties of
// `options` before anybody can connect. Errors of Server::Listen().
absl::StatusOr<SharedFd> OpenListeningSocket(const std::string& address,
                                             const ListenOptions& options);

// Removes the file to which this process, or one before it, has bound the
// socket. An error leaves it there.
absl::Status RemoveSocketFile(const SharedFd& socket);

// The socket's path, or "@" and its abstract name, as /proc/net/unix shows it.
std::string SocketName(int socket);

// Closes the connections that wait in its queue, or drops the datagrams, so
// that their clients learn that nobody serves. False if no descriptor is left
// for that: later.
bool RefuseClients(int socket);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_LISTENING_SOCKET_H_
