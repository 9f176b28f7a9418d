#ifndef FDRPC_SERVICES_HOST_SERVICE_PROCESSES_H_
#define FDRPC_SERVICES_HOST_SERVICE_PROCESSES_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/host/v1/record.pb.h"
#include "fdrpc/shared_fd.h"
#include "services/host/hosted_process.h"
#include "services/host/hosted_service.h"
#include "services/host/keeper_link.h"
#include "services/host/service_machine.h"
#include "services/process/event_loop.h"

namespace fdrpc::host {

// The processes of one service, and their records with the keeper: a process
// that runs its program outlives this host.
//
// Threads: the loop's.
class ServiceProcesses {
 public:
  // Called once for each process that Start() has forked: it runs its program,
  // or why not; it ends then.
  using OnStarted = std::function<void(pid_t, const absl::Status&)>;

  // Borrows the loop and the keeper.
  ServiceProcesses(process::EventLoop& loop, KeeperLink& keeper,
                   std::string service, OnStarted on_started)
      : loop_(loop),
        keeper_(keeper),
        service_(std::move(service)),
        on_started_(std::move(on_started)) {}
  ServiceProcesses(const ServiceProcesses&) = delete;
  ServiceProcesses& operator=(const ServiceProcesses&) = delete;

  // Forks one, which runs its program once the keeper knows it.
  absl::StatusOr<HostedProcess*> Start(
      const HostedService& service, const std::vector<PassedDescriptor>& passed,
      const HostedProcess::Environment& environment);
  // One that another host has started.
  void Adopt(const v1::ProcessRecord& record, SharedFd pidfd);

  bool empty() const { return processes_.empty(); }
  bool Has(pid_t pid) const { return processes_.contains(pid); }
  // That there is.
  HostedProcess& At(pid_t pid) { return *processes_.at(pid); }
  const HostedProcess& At(pid_t pid) const { return *processes_.at(pid); }
  // Whether it is one of these that has this number and has ended: another
  // process may have the number by now.
  bool HasEnded(pid_t pid) const;
  // After its end.
  void Forget(pid_t pid);
  void KillAll();

  // Tells the keeper what has changed of them. What the machine knows of them
  // is a part of that.
  void Save(const std::map<pid_t, ServiceMachine::Process>& known);

 private:
  void OnKept(pid_t pid, const absl::Status& status);
  std::string Key(pid_t pid) const;

  process::EventLoop& loop_;
  KeeperLink& keeper_;
  const std::string service_;
  const OnStarted on_started_;
  std::map<pid_t, std::unique_ptr<HostedProcess>> processes_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_SERVICE_PROCESSES_H_
