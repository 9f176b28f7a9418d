#ifndef FDRPC_OS_SOCKET_NAME_H_
#define FDRPC_OS_SOCKET_NAME_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>

namespace fdrpc {

// The name of a Unix-domain socket as the kernel reports it (unix(7)).
struct SocketName {
  sockaddr_un address = {};
  socklen_t length = 0;

  // Whether it is an abstract name. Otherwise the socket has a path, or no
  // name.
  bool is_abstract() const {
    return length > offsetof(sockaddr_un, sun_path) &&
           address.sun_path[0] == '\0';
  }
};

}  // namespace fdrpc

#endif  // FDRPC_OS_SOCKET_NAME_H_
