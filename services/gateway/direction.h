#ifndef FDRPC_SERVICES_GATEWAY_DIRECTION_H_
#define FDRPC_SERVICES_GATEWAY_DIRECTION_H_

#include <memory>
#include <stop_token>

#include "absl/status/status.h"
#include "services/gateway/settings.h"

namespace fdrpc::gateway {

// One of the two ways in which a gateway passes calls on. The functions are
// called on one thread.
class Direction {
 public:
  virtual ~Direction() = default;

  // Learns the server's services, for which it waits. Makes no files, so that
  // the process may be killed meanwhile.
  virtual absl::Status Learn() = 0;
  // Then serves them. Blocks until clients can connect, and prints where.
  virtual absl::Status Start() = 0;
  // Learns the services again; calls in progress continue. After an error it
  // serves those that it served before. CANCELLED if `stop` is requested while
  // it waits for the server.
  virtual absl::Status Reload(std::stop_token stop) = 0;
  // Accepts no further calls, and blocks until those in progress have ended, as
  // the settings say.
  virtual absl::Status Stop() = 0;
};

// From gRPC to a socket of this machine, and the other way round.
std::unique_ptr<Direction> FromGrpc(const Settings& settings);
std::unique_ptr<Direction> ToGrpc(const Settings& settings);

}  // namespace fdrpc::gateway

#endif  // FDRPC_SERVICES_GATEWAY_DIRECTION_H_
