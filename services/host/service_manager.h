#ifndef FDRPC_SERVICES_HOST_SERVICE_MANAGER_H_
#define FDRPC_SERVICES_HOST_SERVICE_MANAGER_H_

namespace fdrpc::host {

// Sends a message of sd_notify(3) to the service manager that has started this
// process, if there is one (NOTIFY_SOCKET). What it does not take is lost.
void NotifyServiceManager(const char* message);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_SERVICE_MANAGER_H_
