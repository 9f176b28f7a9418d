#ifndef FDRPC_SERVICES_HOST_UNITS_COMMAND_H_
#define FDRPC_SERVICES_HOST_UNITS_COMMAND_H_

namespace fdrpc::host {

// fdrpc-host units DIRECTORY --output DIRECTORY2|-: writes systemd units that
// run the same services without fdrpc-host. argv[0] is "units". Returns the
// exit status.
int UnitsCommand(int argc, char** argv);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_UNITS_COMMAND_H_
