#ifndef FDRPC_SERVICES_HOST_LOG_OUTPUT_H_
#define FDRPC_SERVICES_HOST_LOG_OUTPUT_H_

#include "absl/status/status.h"
#include "fdrpc/host/v1/host.pb.h"

namespace fdrpc::host {

// Where the lines of a service go.
//
// Threads: one.
class LogOutput {
 public:
  LogOutput() = default;
  virtual ~LogOutput() = default;
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;

  // Does not wait. After an error it has not taken the line, and may take the
  // next one.
  virtual absl::Status Write(const v1::LogLine& line) = 0;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_LOG_OUTPUT_H_
