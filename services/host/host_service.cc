#include "services/host/host_service.h"

#include <unistd.h>

#include <optional>
#include <stop_token>

#include "absl/strings/str_cat.h"
#include "services/host/service_log.h"
#include "services/program/one_line.h"

namespace fdrpc::host {

struct HostService::Ending {
  using Callback = std::stop_callback<std::function<void()>>;
  std::optional<Callback> cancelled;
  std::optional<Callback> draining;
  uint64_t stream = 0;  // among those of its kind
};

HostService::HostService(HostedServices& services,
                         std::function<void()> upgrade)
    : services_(services), upgrade_(std::move(upgrade)), own_(geteuid()) {}

absl::Status HostService::MayCall(const PeerCredentials& caller) const {
  if (caller.uid == 0 || caller.uid == own_) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("user ", caller.uid, " may not: only root and user ", own_,
                   ", as which the host runs, may control it"));
}

template <typename Call>
ServiceSupervisor* HostService::FindFor(Call& call) {
  absl::Status may = MayCall(call.context().peer());
  if (may.ok() && is_stopping_) {
    may = absl::UnavailableError("the host ends all services, and itself");
  }
  if (!may.ok()) {
    call.Finish(may);
    return nullptr;
  }
  const std::string& name = call.request().name();
  ServiceSupervisor* const service = services_.Find(name);
  if (service == nullptr) {
    call.Finish(absl::NotFoundError(absl::StrCat(
        "no service has the name \"", program::OneLine(name),
        "\": fdrpc-hostctl list shows them, and fdrpc-hostctl reload adds "
        "those of new files")));
  }
  return service;
}

template <typename Call>
ServiceSupervisor::Done HostService::Replying(Call call) {
  return [this, call,
          name = call.request().name()](const absl::Status& status) mutable {
    if (!status.ok()) return call.Finish(status);
    const ServiceSupervisor* const service = services_.Find(name);
    call.Finish(service->Status());
  };
}

void HostService::List(v1::Host::ListCall call) {
  if (absl::Status may = MayCall(call.context().peer()); !may.ok()) {
    return call.Finish(may);
  }
  v1::ListReply reply;
  reply.set_host_pid(getpid());
  services_.ForEach([&reply](ServiceSupervisor& service) {
    *reply.add_services() = service.Status();
  });
  call.Finish(std::move(reply));
}

void HostService::GetStatus(v1::Host::GetStatusCall call) {
  if (ServiceSupervisor* const service = FindFor(call)) {
    call.Finish(service->Status());
  }
}

void HostService::Start(v1::Host::StartCall call) {
  if (ServiceSupervisor* const service = FindFor(call)) {
    service->Start(Replying(call));
  }
}

void HostService::Stop(v1::Host::StopCall call) {
  if (ServiceSupervisor* const service = FindFor(call)) {
    service->Stop(Replying(call));
  }
}

void HostService::Restart(v1::Host::RestartCall call) {
  if (ServiceSupervisor* const service = FindFor(call)) {
    service->Restart(Replying(call));
  }
}

void HostService::Reload(v1::Host::ReloadCall call) {
  absl::Status may = MayCall(call.context().peer());
  if (may.ok() && is_stopping_) {
    may = absl::UnavailableError("the host ends all services, and itself");
  }
  if (!may.ok()) return call.Finish(may);
  services_.Reload([call](absl::StatusOr<v1::ReloadReply> reply) mutable {
    if (!reply.ok()) return call.Finish(reply.status());
    call.Finish(*std::move(reply));
  });
}

void HostService::Upgrade(v1::Host::UpgradeCall call) {
  if (absl::Status may = MayCall(call.context().peer()); !may.ok()) {
    return call.Finish(may);
  }
  if (is_stopping_) {
    return call.Finish(
        absl::UnavailableError("the host ends all services, and itself"));
  }
  v1::UpgradeReply reply;
  reply.set_host_pid(getpid());
  call.Finish(reply);
  upgrade_();
}

void HostService::Logs(v1::Host::LogsCall call) {
  ServiceSupervisor* const service = FindFor(call);
  if (service == nullptr) return;
  const auto ending = std::make_shared<Ending>();
  const std::string name = call.request().name();
  ending->stream = service->log().Follow(
      call.request().lines(), call.request().follow(),
      [call](const v1::LogLine& line, ServiceLog::Written written) mutable {
        call.Write(line, std::move(written));
      },
      // Keeps `ending` as long as the call.
      [call, ending](absl::Status status) mutable {
        call.Finish(std::move(status));
      });
  const auto unfollow = [this, name, stream = ending->stream] {
    ServiceSupervisor* const of = services_.Find(name);
    if (of != nullptr) of->log().Unfollow(stream);
  };
  ending->cancelled.emplace(call.context().cancellation(), unfollow);
  ending->draining.emplace(
      call.context().draining(), [call, unfollow]() mutable {
        call.Finish(absl::UnavailableError("the host is being replaced"));
        unfollow();
      });
}

void HostService::Watch(v1::Host::WatchCall call) {
  if (absl::Status may = MayCall(call.context().peer()); !may.ok()) {
    return call.Finish(may);
  }
  const uint64_t id = ++last_watch_;
  const auto stream = std::make_shared<StatusStream>(call);
  const auto ending = std::make_shared<Ending>();
  watches_[id] = std::shared_ptr<StatusStream>(
      stream.get(), [stream, ending](StatusStream*) {});
  services_.ForEach([&stream](ServiceSupervisor& service) {
    stream->Send(service.Status());
  });
  ending->cancelled.emplace(call.context().cancellation(),
                            [this, id] { EndWatch(id, absl::OkStatus()); });
  ending->draining.emplace(call.context().draining(), [this, id] {
    EndWatch(id, absl::UnavailableError("the host is being replaced"));
  });
}

// By value: what calls this ends with the watch.
void HostService::EndWatch(uint64_t id, absl::Status status) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  const auto ended = std::move(found->second);
  watches_.erase(found);
  ended->Finish(std::move(status));
}

void HostService::Tell(const v1::ServiceStatus& status) {
  for (const auto& [id, stream] : watches_) stream->Send(status);
}

}  // namespace fdrpc::host
