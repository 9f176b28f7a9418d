#ifndef FDRPC_OS_ACTIVATION_H_
#define FDRPC_OS_ACTIVATION_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "os/inherited_socket.h"

namespace fdrpc {

// The sockets that a service manager passes to a process that it starts, by the
// protocol of sd_listen_fds(3): descriptors from 3 on, and environment
// variables with their number, their names and the process that they are for.

// The content of those variables.
struct ListenVariables {
  // Parses the values of LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES (null: not
  // set) for process `self`. FAILED_PRECONDITION if nothing was passed, or to
  // another process; INVALID_ARGUMENT if a value is malformed.
  static absl::StatusOr<ListenVariables> Parse(const char* pid, const char* fds,
                                               const char* names, pid_t self);

  int count = 0;  // at least 1
  // `count` names, or none if LISTEN_FDNAMES is not set.
  std::vector<std::string> names;
};

// Takes the passed sockets with that name, or all if `name` is empty, except
// those that were taken before. The caller owns them. The first call sets
// close-on-exec on all passed descriptors. The environment is read and never
// changed, since other threads of the program may read it at any time.
//
// Errors: those of ListenVariables::Parse(); INVALID_ARGUMENT, with the
// existing names, if no socket has this name; FAILED_PRECONDITION if all of
// them have been taken; those of TakeInheritedSocket(). After an error nothing
// is taken.
absl::StatusOr<std::vector<InheritedSocket>> TakePassedSockets(
    std::string_view name);

}  // namespace fdrpc

#endif  // FDRPC_OS_ACTIVATION_H_
