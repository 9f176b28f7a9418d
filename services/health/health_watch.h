#ifndef FDRPC_SERVICES_HEALTH_HEALTH_WATCH_H_
#define FDRPC_SERVICES_HEALTH_HEALTH_WATCH_H_

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "grpc/health/v1/health.fdrpc.h"

namespace fdrpc {

// One call of Watch(): sends the latest status whenever the client has taken
// the former one, so that a client that does not read costs one status.
//
// Threads: any.
class HealthWatch final : public std::enable_shared_from_this<HealthWatch> {
 public:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;
  using Call = grpc::health::v1::Health::WatchCall;

  explicit HealthWatch(Call call) : call_(std::move(call)) {}

  void Tell(Status status);
  // Ends the call, after the status that is being sent.
  void End(const absl::Status& status) { call_.Finish(status); }

 private:
  // Sends `latest_`, unless something is being sent or it was sent before.
  void Continue();

  Call call_;
  std::mutex mutex_;
  std::optional<Status> latest_;
  std::optional<Status> sent_;
  bool writing_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVICES_HEALTH_HEALTH_WATCH_H_
