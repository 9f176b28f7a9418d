#ifndef FDRPC_OS_ACTIVATION_H_
#define FDRPC_OS_ACTIVATION_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "os/inherited_socket.h"

namespace fdrpc {

// Sockets that a service manager passes to a process that it starts, by the
// protocol of sd_listen_fds(3): descriptors from 3 on, and environment
// variables that say how many, to whom, and their names.

// What the variables say.
struct ListenVariables {
  // Those of `self`, by the values of LISTEN_PID, LISTEN_FDS and
  // LISTEN_FDNAMES, each null if it is not set. FAILED_PRECONDITION if nothing
  // was passed, or to another process; INVALID_ARGUMENT if they are garbage.
  static absl::StatusOr<ListenVariables> Parse(const char* pid, const char* fds,
                                               const char* names, pid_t self);

  int count = 0;  // at least 1
  // As many, or none if they are not told.
  std::vector<std::string> names;
};

// The name in an address "systemd:NAME", empty in "systemd:"; none if `address`
// has another form.
std::optional<std::string_view> ParseSystemdAddress(std::string_view address);

// The sockets of that name, or all if it is empty, of those that were passed to
// this process and have not been taken yet: the caller's from then on. The
// first time, all that were passed are made to close on exec. The environment
// is only read: a program's other threads may do the same at any time.
//
// Errors of ListenVariables; INVALID_ARGUMENT, with the names that there are,
// if none has this one; FAILED_PRECONDITION if they have been taken; and
// those of TakeInheritedSocket(). Nothing is taken then.
absl::StatusOr<std::vector<InheritedSocket>> TakePassedSockets(
    std::string_view name);

}  // namespace fdrpc

#endif  // FDRPC_OS_ACTIVATION_H_
