#include "services/health/health_watch.h"

namespace fdrpc {

void HealthWatch::Tell(Status status) {
  {
    const std::lock_guard lock(mutex_);
    latest_ = status;
  }
  Continue();
}

void HealthWatch::Continue() {
  grpc::health::v1::HealthCheckResponse reply;
  {
    const std::lock_guard lock(mutex_);
    if (writing_ || latest_ == sent_) return;
    writing_ = true;
    sent_ = latest_;
    reply.set_status(*latest_);
  }
  call_.Write(std::move(reply), [self = shared_from_this()](bool taken) {
    if (!taken) return;  // the call has ended
    {
      const std::lock_guard lock(self->mutex_);
      self->writing_ = false;
    }
    self->Continue();
  });
}

}  // namespace fdrpc
