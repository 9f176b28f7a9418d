#include "fdrpc/health_service.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/health/health_watch.h"

namespace fdrpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::health::v1::HealthListResponse;

// As in gRPC: what a watcher makes the server keep is bounded.
constexpr size_t kMaxNameBytes = 200;
constexpr size_t kMaxListed = 100;

absl::Status CheckName(const std::string& service) {
  if (service.size() <= kMaxNameBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the name of the service has ", service.size(),
                   " bytes, and at most ", kMaxNameBytes, " are looked up"));
}

HealthWatch::Status ToStatus(Health health) {
  return health == Health::kServing ? HealthCheckResponse::SERVING
                                    : HealthCheckResponse::NOT_SERVING;
}

}  // namespace

class HealthService::Handlers final
    : public grpc::health::v1::Health::AsyncService {
 public:
  using CheckCall = grpc::health::v1::Health::CheckCall;
  using ListCall = grpc::health::v1::Health::ListCall;
  using WatchCall = grpc::health::v1::Health::WatchCall;

  void Check(CheckCall call) override {
    const std::string& service = call.request().service();
    if (absl::Status status = CheckName(service); !status.ok()) {
      return call.Finish(std::move(status));
    }
    HealthCheckResponse reply;
    {
      const std::lock_guard lock(mutex_);
      reply.set_status(StatusOf(service));
    }
    if (reply.status() == HealthCheckResponse::SERVICE_UNKNOWN) {
      return call.Finish(absl::NotFoundError(absl::StrCat(
          "the server says nothing about the health of ", service)));
    }
    call.Finish(std::move(reply));
  }

  void List(ListCall call) override {
    HealthListResponse reply;
    bool too_many = false;
    {
      const std::lock_guard lock(mutex_);
      too_many = statuses_.size() > kMaxListed;
      if (!too_many) {
        for (const auto& [service, status] : statuses_) {
          (*reply.mutable_statuses())[service].set_status(status);
        }
      }
    }
    if (too_many) {
      return call.Finish(absl::ResourceExhaustedError(
          absl::StrCat("more than ", kMaxListed,
                       " services have a status; ask for one of them")));
    }
    call.Finish(std::move(reply));
  }

  void Watch(WatchCall call) override {
    const std::string service = call.request().service();
    if (absl::Status status = CheckName(service); !status.ok()) {
      return call.Finish(std::move(status));
    }
    ServerContext& context = call.context();
    const std::stop_token cancelled = context.cancellation();
    const std::stop_token draining = context.draining();
    auto watch = std::make_shared<HealthWatch>(std::move(call));
    auto ends = std::make_shared<Ends>();
    Key key;
    {
      const std::lock_guard lock(mutex_);
      key = {service, ++last_watch_};
      watches_.emplace(key, Watched{watch, ends});
      watch->Tell(StatusOf(service));
    }
    // Without the lock: stop may have been requested, and the function run
    // here. It may destroy what it belongs to.
    ends->cancelled.emplace(cancelled, [this, key] { Remove(key); });
    ends->draining.emplace(draining, [this, key] {
      const std::shared_ptr<HealthWatch> ended = Remove(key);
      if (ended == nullptr) return;
      ended->End(absl::UnavailableError(
          "the server ends calls, because it shuts down or the connection has "
          "reached its age; watch again"));
    });
  }

  void Set(std::string_view service, HealthWatch::Status status) {
    const std::string name(service);
    const std::lock_guard lock(mutex_);
    if (stopped_) status = HealthCheckResponse::NOT_SERVING;
    statuses_[name] = status;
    TellWatchers(name);
  }
  void Forget(std::string_view service) {
    const std::string name(service);
    const std::lock_guard lock(mutex_);
    statuses_.erase(name);
    TellWatchers(name);
  }
  void Stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (auto& [service, status] : statuses_) {
      status = HealthCheckResponse::NOT_SERVING;
      TellWatchers(service);
    }
  }

  size_t watchers() const {
    const std::lock_guard lock(mutex_);
    return watches_.size();
  }

 private:
  using Callback = std::stop_callback<std::function<void()>>;
  // What removes a watch, and is destroyed with it.
  struct Ends {
    std::optional<Callback> cancelled;
    std::optional<Callback> draining;
  };
  using Key = std::pair<std::string, uint64_t>;  // the service, and a number
  struct Watched {
    std::shared_ptr<HealthWatch> watch;
    std::shared_ptr<Ends> ends;
  };

  // With the lock.
  HealthWatch::Status StatusOf(const std::string& service) const {
    const auto found = statuses_.find(service);
    return found == statuses_.end() ? HealthCheckResponse::SERVICE_UNKNOWN
                                    : found->second;
  }
  void TellWatchers(const std::string& service) {
    for (auto it = watches_.lower_bound({service, 0});
         it != watches_.end() && it->first.first == service; ++it) {
      it->second.watch->Tell(StatusOf(service));
    }
  }

  // Null if it was removed before.
  std::shared_ptr<HealthWatch> Remove(const Key& key) {
    Watched removed;
    {
      const std::lock_guard lock(mutex_);
      const auto found = watches_.find(key);
      if (found == watches_.end()) return nullptr;
      removed = std::move(found->second);
      watches_.erase(found);
    }
    return removed.watch;
  }

  mutable std::mutex mutex_;
  std::map<std::string, HealthWatch::Status> statuses_ = {
      {"", HealthCheckResponse::SERVING}};
  std::map<Key, Watched> watches_;
  uint64_t last_watch_ = 0;
  bool stopped_ = false;
};

HealthService::HealthService() : handlers_(std::make_unique<Handlers>()) {
  for (internal::MethodHandler handler : handlers_->method_handlers()) {
    handler.service = handlers_.get();
    table_.push_back(handler);
  }
}

HealthService::~HealthService() = default;

void HealthService::SetHealth(std::string_view service, Health health) {
  handlers_->Set(service, ToStatus(health));
}

void HealthService::Forget(std::string_view service) {
  handlers_->Forget(service);
}

void HealthService::StopServing() { handlers_->Stop(); }

size_t HealthService::watchers() const { return handlers_->watchers(); }

std::string_view HealthService::full_name() const {
  return handlers_->full_name();
}

absl::Span<const internal::MethodHandler> HealthService::method_handlers()
    const {
  return table_;
}

std::string_view HealthService::descriptor_files() const {
  return handlers_->descriptor_files();
}

HealthService& EnableHealth(Server& server) {
  auto owned = std::make_unique<HealthService>();
  HealthService& health = *owned;
  server.AddService(std::move(owned));
  return health;
}

}  // namespace fdrpc
