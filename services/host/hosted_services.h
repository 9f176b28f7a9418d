#ifndef FDRPC_SERVICES_HOST_HOSTED_SERVICES_H_
#define FDRPC_SERVICES_HOST_HOSTED_SERVICES_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/host/v1/host.pb.h"
#include "fdrpc/host/v1/keeper.pb.h"
#include "services/host/hosted_service.h"
#include "services/host/keeper_link.h"
#include "services/host/service_supervisor.h"

namespace fdrpc::host {

// All services of a host, by their names.
//
// Threads: the loop's.
class HostedServices {
 public:
  using Reloaded = absl::AnyInvocable<void(absl::StatusOr<v1::ReloadReply>)>;

  // Reads the configuration of `directory`. Borrows the context.
  HostedServices(ServiceSupervisor::Context& context, std::string directory)
      : context_(context), directory_(std::move(directory)) {}
  HostedServices(const HostedServices&) = delete;
  HostedServices& operator=(const HostedServices&) = delete;

  // What another host has left: it goes on. Then Begin(), unless that host has
  // begun.
  void Restore(const std::vector<KeptEntry>& entries);
  // Hosts what the configuration says. After an error, nothing is hosted.
  absl::Status Begin();

  // Null if no service has the name.
  ServiceSupervisor* Find(const std::string& name);
  // That has the process; null if there is none.
  ServiceSupervisor* FindByProcess(pid_t pid);
  void ForEach(const std::function<void(ServiceSupervisor&)>& function);

  // As the Host's method. One after the other: those who ask while one is in
  // progress have one further reload together.
  void Reload(Reloaded done);
  // Ends all processes, and removes all services.
  void RemoveAll(absl::AnyInvocable<void()> done);
  // Their processes.
  void KillAll();
  // With their files, in haste: the services do not go on.
  void CloseSockets();

 private:
  struct Pending;

  void BeginReload();
  void Compare(std::vector<HostedService> services,
               std::shared_ptr<Pending> pending);
  void Add(HostedService service, Pending& pending);
  void Remove(const std::string& name, absl::AnyInvocable<void()> done);

  ServiceSupervisor::Context& context_;
  const std::string directory_;
  std::map<std::string, std::unique_ptr<ServiceSupervisor>> services_;
  bool is_reloading_ = false;
  std::vector<Reloaded> next_reload_;  // who waits for it
  bool is_ending_ = false;             // RemoveAll() was called
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_HOSTED_SERVICES_H_
