#ifndef FDRPC_LISTEN_OPTIONS_H_
#define FDRPC_LISTEN_OPTIONS_H_

#include <sys/types.h>

#include <optional>

#include "fdrpc/internal/language.h"

namespace fdrpc {

// Properties of a socket file, which are set before anybody can connect to it.
// Connecting takes write permission on the file.
struct ListenOptions {
  // Permissions, at most 0777, regardless of the umask. Empty: what the umask
  // leaves of 0777.
  std::optional<mode_t> mode = std::nullopt;
  // As for chown(2): another owner takes CAP_CHOWN, and CAP_FOWNER if there is
  // a mode; another group takes the same, or that the process is in it.
  std::optional<uid_t> owner = std::nullopt;
  std::optional<gid_t> group = std::nullopt;
};

}  // namespace fdrpc

#endif  // FDRPC_LISTEN_OPTIONS_H_
