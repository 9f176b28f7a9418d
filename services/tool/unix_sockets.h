#ifndef FDRPC_SERVICES_TOOL_UNIX_SOCKETS_H_
#define FDRPC_SERVICES_TOOL_UNIX_SOCKETS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fdrpc::tool {

// A bound Unix-domain socket that a server may have: one that listens, or a
// datagram socket.
struct UnixSocket {
  std::string address;  // "unix:/run/x.sock", "unix-dgram:@name"
  // "/run/x.sock", "@name"; or relative to the working directory that its
  // process had when it bound it.
  std::string path;
  uint64_t inode = 0;
};

// Those in `table`, the content of /proc/net/unix, each address once unless it
// is a relative path. Sockets whose name has a newline are not shown.
std::vector<UnixSocket> ParseUnixSockets(std::string_view table);

// A process that has a socket open.
struct SocketOwner {
  pid_t pid = 0;
  uid_t uid = 0;
  std::string command;
  std::string working_directory;  // empty: not known
};

// The owners by the sockets' inodes, as far as this user may see them: those of
// other users' processes are for root. One for each socket, that with the
// lowest pid.
std::map<uint64_t, SocketOwner> FindSocketOwners();

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_UNIX_SOCKETS_H_
