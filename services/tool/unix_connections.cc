#include "services/tool/unix_connections.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::tool {
namespace {

using UnixConnections = std::multimap<std::string, uint64_t>;

struct DumpRequest {
  nlmsghdr header;
  unix_diag_req request;
};

// As in /proc/net/unix.
std::string SocketNameOf(const rtattr& attribute) {
  std::string name(static_cast<const char*>(RTA_DATA(&attribute)),
                   RTA_PAYLOAD(&attribute));
  if (!name.empty() && name[0] == '\0') {
    name[0] = '@';
    return name;
  }
  return name.substr(0, name.find('\0'));
}

// A socket of a connection. Those that a server has accepted have its name.
void AddSocket(const nlmsghdr& header, UnixConnections& connections) {
  const auto* socket = static_cast<const unix_diag_msg*>(NLMSG_DATA(&header));
  if (socket->udiag_type != SOCK_STREAM &&
      socket->udiag_type != SOCK_SEQPACKET) {
    return;
  }
  std::string name;
  uint32_t peer = 0;
  auto left =
      static_cast<int>(header.nlmsg_len - NLMSG_LENGTH(sizeof(*socket)));
  const auto* attribute = reinterpret_cast<const rtattr*>(socket + 1);
  while (RTA_OK(attribute, left)) {
    if (attribute->rta_type == UNIX_DIAG_NAME) name = SocketNameOf(*attribute);
    if (attribute->rta_type == UNIX_DIAG_PEER) {
      std::memcpy(&peer, RTA_DATA(attribute), sizeof(peer));
    }
    attribute = RTA_NEXT(attribute, left);
  }
  if (name.empty() || peer == 0) return;
  connections.emplace(
      (socket->udiag_type == SOCK_STREAM ? "unix:" : "unix-seqpacket:") + name,
      peer);
}

absl::Status DiagFailure(int error) {
  return absl::ErrnoToStatus(
      error, "the kernel does not list connections (NETLINK_SOCK_DIAG)");
}

}  // namespace

absl::StatusOr<UnixConnections> FindUnixConnections() {
  const UniqueFd socket(
      ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket.ok()) return DiagFailure(errno);
  DumpRequest dump = {};
  dump.header.nlmsg_len = sizeof(dump);
  dump.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  dump.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  dump.request.sdiag_family = AF_UNIX;
  dump.request.udiag_states = 1u << TCP_ESTABLISHED;
  dump.request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER;
  if (send(socket.get(), &dump, sizeof(dump), 0) < 0) return DiagFailure(errno);
  UnixConnections connections;
  std::vector<char> buffer(32u << 10);  // as netlink(7) says of dumps
  while (true) {
    const ssize_t bytes = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return DiagFailure(errno);
    if (bytes == 0) return DiagFailure(EIO);
    auto left = static_cast<uint32_t>(bytes);
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
    for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return connections;
      if (header->nlmsg_type == NLMSG_ERROR) {
        const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
        return DiagFailure(-error->error);
      }
      AddSocket(*header, connections);
    }
  }
}

}  // namespace fdrpc::tool
