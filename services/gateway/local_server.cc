#include "services/gateway/local_server.h"

#include <signal.h>
#include <unistd.h>

#include <utility>

#include "fdrpc/grpc/forwarding_service.h"
#include "fdrpc/reflection.h"
#include "services/gateway/start_thread.h"

namespace fdrpc::gateway {

LocalServer::LocalServer(KnownServices known,
                         const std::shared_ptr<Caller>& target,
                         const Settings& settings)
    : served_(std::make_unique<Served>(std::move(known), settings)) {
  for (const auto* service : served_->known.services()) {
    // The server has reflection of its own, from the same files.
    if (service->full_name().starts_with("grpc.reflection.")) continue;
    served_->server.AddService(
        std::make_unique<grpc::ForwardingService>(*service, target));
  }
  EnableReflection(served_->server);
}

LocalServer::~LocalServer() {
  Stop();
  if (end_.joinable()) end_.join();
}

absl::Status LocalServer::Start() {
  // First: a server that has started cannot be left.
  absl::StatusOr<std::thread> end = StartThread([this] { AwaitEnd(); });
  if (!end.ok()) return end.status();
  end_ = *std::move(end);
  absl::Status status = served_->server.Start();
  has_started_ = status.ok();
  started_.Notify();
  return status;
}

void LocalServer::AwaitEnd() {
  started_.WaitForNotification();
  // Otherwise the owner releases it.
  if (!has_started_) return;
  served_->server.Wait();
  {
    const std::lock_guard lock(mu_);
    if (!is_stopped_) {
      kill(getpid(), SIGTERM);
      return;
    }
  }
  served_.reset();
  ended_.Notify();
}

void LocalServer::Stop() {
  const std::lock_guard lock(mu_);
  if (!std::exchange(is_stopped_, true)) served_->server.Shutdown();
}

}  // namespace fdrpc::gateway
