#ifndef FDRPC_SERVICES_PROGRAM_SERVE_H_
#define FDRPC_SERVICES_PROGRAM_SERVE_H_

#include "absl/status/status.h"
#include "fdrpc/server.h"
#include "services/program/server_line.h"

namespace fdrpc::program {

// Blocks SIGTERM and SIGINT in this thread and those that it starts, until
// ServeUntilStopped() waits for them: a signal before the program serves must
// not end it and leave a socket file behind. Ignores SIGPIPE.
void HoldStopSignals();

// What ServeUntilStopped() does by itself, for a program that serves in a loop:
// listens on the addresses, and, once clients can connect, prints the lines.
absl::Status ListenOnAll(Server& server, const ListenSettings& settings);
void SayThatItListens(const ListenSettings& settings);

// Listens on the addresses and serves, until a signal of HoldStopSignals(),
// which has to be called before, or until the server ends by itself. Prints
// "listening on ADDRESS" for each unix: address once clients can connect.
absl::Status ServeUntilStopped(Server& server, const ListenSettings& settings);

}  // namespace fdrpc::program

#endif  // FDRPC_SERVICES_PROGRAM_SERVE_H_
