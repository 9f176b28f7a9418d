#include "os/socket_text.h"

#include <cstring>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/peer_credentials.h"
#include "os/local_socket.h"
#include "os/socket_name.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// "unix:/run/x.sock"; empty if the socket has no name.
std::string AddressOf(int socket, int type, bool accepted) {
  SocketName name;
  name.length = sizeof(name.address);
  auto* const address = reinterpret_cast<sockaddr*>(&name.address);
  const Syscalls& kernel = Syscalls::Get();
  const int result = accepted
                         ? kernel.getsockname(socket, address, &name.length)
                         : kernel.getpeername(socket, address, &name.length);
  constexpr socklen_t kNoName = offsetof(sockaddr_un, sun_path);
  if (result < 0 || name.length <= kNoName) return {};
  const char* const scheme =
      type == SOCK_SEQPACKET ? "unix-seqpacket:" : "unix:";
  const char* const path = name.address.sun_path;
  if (name.is_abstract()) {
    return absl::StrCat(scheme, "@",
                        std::string(path + 1, name.length - kNoName - 1));
  }
  return absl::StrCat(scheme,
                      std::string(path, strnlen(path, name.length - kNoName)));
}

}  // namespace

std::string AddressOfConnection(int socket, bool accepted) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (Syscalls::Get().getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) <
      0) {
    return "this process";
  }
  std::string text = AddressOf(socket, type, accepted);
  return text.empty() ? "a pair of sockets" : text;
}

std::string DescribeConnection(int socket, bool accepted) {
  std::string text = AddressOfConnection(socket, accepted);
  const absl::StatusOr<PeerCredentials> peer = GetPeerCredentials(socket);
  if (peer.ok()) {
    absl::StrAppend(&text, ", process ", peer->pid, ", user ", peer->uid);
  }
  return text;
}

}  // namespace fdrpc
