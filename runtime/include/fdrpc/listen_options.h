#ifndef FDRPC_LISTEN_OPTIONS_H_
#define FDRPC_LISTEN_OPTIONS_H_

#include <sys/types.h>

#include <optional>

#include "fdrpc/internal/language.h"

namespace fdrpc {

// What is set of a socket file before anybody can connect to it. To connect
// takes write permission on the file.
struct ListenOptions {
  // Permissions, at most 0777, of which the umask takes none. Empty: what it
  // leaves of 0777.
  std::optional<mode_t> mode = std::nullopt;
  // As chown(2) sets them: another owner takes CAP_CHOWN, and CAP_FOWNER if
  // there is a mode; a group the same, or that the process is in it.
  std::optional<uid_t> owner = std::nullopt;
  std::optional<gid_t> group = std::nullopt;
};

}  // namespace fdrpc

#endif  // FDRPC_LISTEN_OPTIONS_H_
