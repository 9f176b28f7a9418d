#ifndef FDRPC_PEER_CREDENTIALS_H_
#define FDRPC_PEER_CREDENTIALS_H_

#include <sys/types.h>

#include <iosfwd>

#include "fdrpc/internal/export.h"
#include "fdrpc/internal/language.h"

namespace fdrpc {

// The peer process of a connection, as the kernel recorded it when the peer
// connected (SO_PEERCRED, unix(7)). If the peer has passed its socket on, this
// is still the process that connected. `pid` may have been reused since; it is
// 0 if the process is not visible in this pid namespace.
struct PeerCredentials {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;
};

FDRPC_API void PrintTo(const PeerCredentials& peer, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_PEER_CREDENTIALS_H_
