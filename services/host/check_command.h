#ifndef FDRPC_SERVICES_HOST_CHECK_COMMAND_H_
#define FDRPC_SERVICES_HOST_CHECK_COMMAND_H_

namespace fdrpc::host {

// fdrpc-host check DIRECTORY: says of each service that its file is good, or
// what is wrong. argv[0] is "check". Returns the exit status.
int CheckCommand(int argc, char** argv);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_CHECK_COMMAND_H_
