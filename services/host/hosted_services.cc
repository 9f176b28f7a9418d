#include "services/host/hosted_services.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/host/config.h"

namespace fdrpc::host {
namespace {

using v1::ReloadReply;

constexpr char kServicePrefix[] = "service/";

// Of the keys that the parts of a service have: "KIND/SERVICE/REST".
struct ServiceKey {
  std::string kind;
  std::string service;
  std::string rest;
};

ServiceKey ParseKey(const std::string& key) {
  const std::vector<std::string> parts =
      absl::StrSplit(key, absl::MaxSplits('/', 2));
  if (parts.size() != 3) return {};
  return {parts[0], parts[1], parts[2]};
}

void RestorePart(const ServiceKey& key, const KeptEntry& entry,
                 ServiceSupervisor& service) {
  if (key.kind == "socket") {
    service.sockets().Adopt(key.rest, entry.file);
  } else if (key.kind == "process") {
    v1::ProcessRecord record;
    if (record.ParseFromString(entry.data)) {
      service.RestoreProcess(record, entry.file);
    }
  } else if (key.kind == "output") {
    pid_t pid = 0;
    if (absl::SimpleAtoi(entry.data, &pid)) {
      service.output().Adopt(key.rest, pid, entry.file);
    }
  } else if (key.kind == "stored") {
    uint64_t number = 0;
    if (absl::SimpleAtoi(key.rest, &number)) {
      service.store().Adopt(number, entry.data, entry.file);
    }
  }
}

}  // namespace

// A reload in progress.
struct HostedServices::Pending {
  absl::AnyInvocable<void(ReloadReply)> done;
  ReloadReply reply;

  // In the order of their names.
  void Add(const std::string& name, ReloadReply::Outcome::Change change,
           const absl::Status& status = absl::OkStatus()) {
    ReloadReply::Outcome& outcome = *reply.add_outcomes();
    outcome.set_name(name);
    outcome.set_change(status.ok() ? change
                                   : ReloadReply::Outcome::CHANGE_FAILED);
    outcome.set_error(std::string(status.message()));
  }
  // When nobody waits for another outcome.
  ~Pending() {
    std::sort(reply.mutable_outcomes()->begin(),
              reply.mutable_outcomes()->end(),
              [](const auto& a, const auto& b) { return a.name() < b.name(); });
    done(std::move(reply));
  }
};

void HostedServices::Restore(const std::vector<KeptEntry>& entries) {
  for (const KeptEntry& entry : entries) {
    if (!entry.key.starts_with(kServicePrefix)) continue;
    const std::string name = entry.key.substr(sizeof(kServicePrefix) - 1);
    v1::ServiceRecord record;
    if (!record.ParseFromString(entry.data)) continue;
    auto service = std::make_unique<ServiceSupervisor>(
        context_, ResolveAgain(name, record.file(), record.config()));
    service->Restore(record);
    services_[name] = std::move(service);
  }
  for (const KeptEntry& entry : entries) {
    const ServiceKey key = ParseKey(entry.key);
    ServiceSupervisor* const service = Find(key.service);
    if (service != nullptr) RestorePart(key, entry, *service);
  }
  for (const auto& [name, service] : services_) {
    if (absl::Status resumed = service->Resume(); !resumed.ok()) {
      std::cerr << absl::StrCat("fdrpc-host: ", name, ": ", resumed.message(),
                                "\n");
    }
  }
}

absl::Status HostedServices::Begin() {
  absl::StatusOr<std::vector<HostedService>> services =
      LoadConfiguration(directory_);
  if (!services.ok()) return services.status();
  for (HostedService& service : *services) {
    if (services_.contains(service.name)) continue;
    const std::string name = service.name;
    auto supervisor =
        std::make_unique<ServiceSupervisor>(context_, std::move(service));
    if (absl::Status begun = supervisor->Begin(); !begun.ok()) {
      CloseSockets();
      return absl::Status(begun.code(),
                          absl::StrCat(name, ": ", begun.message()));
    }
    services_[name] = std::move(supervisor);
  }
  return absl::OkStatus();
}

ServiceSupervisor* HostedServices::Find(const std::string& name) {
  const auto found = services_.find(name);
  return found == services_.end() ? nullptr : found->second.get();
}

ServiceSupervisor* HostedServices::FindByProcess(pid_t pid) {
  for (const auto& [name, service] : services_) {
    if (service->Has(pid)) return service.get();
  }
  return nullptr;
}

void HostedServices::ForEach(
    const std::function<void(ServiceSupervisor&)>& function) {
  for (const auto& [name, service] : services_) function(*service);
}

void HostedServices::Reload(Reloaded done) {
  next_reload_.push_back(std::move(done));
  if (!is_reloading_) BeginReload();
}

void HostedServices::BeginReload() {
  is_reloading_ = true;
  auto pending = std::make_shared<Pending>();
  absl::StatusOr<std::vector<HostedService>> services =
      is_ending_ ? absl::UnavailableError("the host ends all services")
                 : LoadConfiguration(directory_);
  const absl::Status status = services.status();
  pending->done = [this, status, callers = std::exchange(next_reload_, {})](
                      const ReloadReply& reply) mutable {
    for (Reloaded& done : callers) {
      done(status.ok() ? absl::StatusOr<ReloadReply>(reply) : status);
    }
    Loop(context_.loop.loop()).Post([this] {
      is_reloading_ = false;
      if (!next_reload_.empty()) BeginReload();
    });
  };
  if (services.ok()) Compare(*std::move(services), std::move(pending));
}

void HostedServices::Compare(std::vector<HostedService> services,
                             std::shared_ptr<Pending> pending) {
  std::vector<std::string> gone;
  for (const auto& [name, supervisor] : services_) {
    const std::string& hosted = name;
    if (std::none_of(services.begin(), services.end(),
                     [&hosted](const HostedService& service) {
                       return service.name == hosted;
                     })) {
      gone.push_back(name);
    }
  }
  for (const std::string& name : gone) {
    Remove(name, [name, pending] {
      pending->Add(name, ReloadReply::Outcome::CHANGE_REMOVED);
    });
  }
  for (HostedService& service : services) {
    const std::string name = service.name;
    ServiceSupervisor* const hosted = Find(name);
    if (hosted == nullptr) {
      Add(std::move(service), *pending);
      continue;
    }
    hosted->Reload(
        std::move(service),
        [name, pending](absl::StatusOr<ReloadReply::Outcome::Change> outcome) {
          pending->Add(name,
                       outcome.value_or(ReloadReply::Outcome::CHANGE_FAILED),
                       outcome.status());
        });
  }
}

void HostedServices::Add(HostedService service, Pending& pending) {
  const std::string name = service.name;
  auto supervisor =
      std::make_unique<ServiceSupervisor>(context_, std::move(service));
  const absl::Status begun = supervisor->Begin();
  if (begun.ok()) services_[name] = std::move(supervisor);
  pending.Add(name, ReloadReply::Outcome::CHANGE_ADDED, begun);
}

void HostedServices::Remove(const std::string& name,
                            absl::AnyInvocable<void()> done) {
  services_.at(name)->Remove(
      [this, name, done = std::move(done)](const absl::Status&) mutable {
        // It is in use now.
        Loop(context_.loop.loop())
            .Post([this, name, done = std::move(done)]() mutable {
              services_.erase(name);
              done();
            });
      });
}

void HostedServices::RemoveAll(absl::AnyInvocable<void()> done) {
  is_ending_ = true;
  // Called when the last one is gone.
  const auto all = std::shared_ptr<absl::AnyInvocable<void()>>(
      new absl::AnyInvocable<void()>(std::move(done)), [](auto* last) {
        (*last)();
        delete last;
      });
  std::vector<std::string> names;
  for (const auto& [name, service] : services_) names.push_back(name);
  for (const std::string& name : names) Remove(name, [all] {});
}

void HostedServices::CloseSockets() {
  for (const auto& [name, service] : services_) {
    service->sockets().KeepOnly({});
  }
}

void HostedServices::KillAll() {
  for (const auto& [name, service] : services_) service->KillAll();
}

}  // namespace fdrpc::host
