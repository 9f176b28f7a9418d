#ifndef FDRPC_SERVICES_GATEWAY_START_THREAD_H_
#define FDRPC_SERVICES_GATEWAY_START_THREAD_H_

#include <functional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fdrpc::gateway {

// A thread that runs `body`. RESOURCE_EXHAUSTED if the system cannot start one.
inline absl::StatusOr<std::thread> StartThread(std::function<void()> body) {
  // An exception is the standard library's only way to report it.
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error&) {
    return absl::ResourceExhaustedError(
        "the system cannot start a thread for the gateway (RLIMIT_NPROC, pids "
        "cgroup)");
  }
}

}  // namespace fdrpc::gateway

#endif  // FDRPC_SERVICES_GATEWAY_START_THREAD_H_
