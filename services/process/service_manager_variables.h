#ifndef FDRPC_SERVICES_PROCESS_SERVICE_MANAGER_VARIABLES_H_
#define FDRPC_SERVICES_PROCESS_SERVICE_MANAGER_VARIABLES_H_

namespace fdrpc::process {

// What a service manager tells one process by its environment
// (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)); it is not for
// processes that this one starts.
inline constexpr const char* kServiceManagerVariables[] = {
    "LISTEN_FDS",    "LISTEN_FDNAMES", "LISTEN_PID",
    "NOTIFY_SOCKET", "WATCHDOG_PID",   "WATCHDOG_USEC"};

}  // namespace fdrpc::process

#endif  // FDRPC_SERVICES_PROCESS_SERVICE_MANAGER_VARIABLES_H_
