#ifndef FDRPC_SERVICES_HOST_RUN_COMMAND_H_
#define FDRPC_SERVICES_HOST_RUN_COMMAND_H_

namespace fdrpc::host {

// fdrpc-host run: hosts services until SIGTERM. argv[0] is "run". Returns the
// exit status.
int RunCommand(int argc, char** argv);

// fdrpc-host serve: the process that RunCommand() starts.
int ServeCommand(int argc, char** argv);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_RUN_COMMAND_H_
