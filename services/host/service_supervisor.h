#ifndef FDRPC_SERVICES_HOST_SERVICE_SUPERVISOR_H_
#define FDRPC_SERVICES_HOST_SERVICE_SUPERVISOR_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/alarm.h"
#include "fdrpc/host/v1/host.pb.h"
#include "fdrpc/host/v1/keeper.pb.h"
#include "fdrpc/host/v1/record.pb.h"
#include "fdrpc/unique_fd.h"
#include "services/host/descriptor_store.h"
#include "services/host/hosted_process.h"
#include "services/host/hosted_service.h"
#include "services/host/idle_watch.h"
#include "services/host/keeper_link.h"
#include "services/host/notification.h"
#include "services/host/notify_socket.h"
#include "services/host/output_pipes.h"
#include "services/host/service_history.h"
#include "services/host/service_log.h"
#include "services/host/service_machine.h"
#include "services/host/service_processes.h"
#include "services/host/service_sockets.h"
#include "services/host/socket_watch.h"
#include "services/process/event_loop.h"

namespace fdrpc::host {

// Does for one service what its ServiceMachine decides: opens its sockets,
// starts and ends its processes, and keeps with the keeper what the next host
// needs to go on.
//
// Threads: the loop's.
class ServiceSupervisor {
 public:
  struct Context {  // borrowed
    process::EventLoop& loop;
    KeeperLink* keeper = nullptr;
    HostedProcess::Environment environment = {};
    std::string log_directory = {};
    // To read what processes have sent, then OnListened() of this one.
    std::function<void(pid_t)> listen = {};
    // Called when the status of a service has changed.
    std::function<void(const v1::ServiceStatus&)> on_change = {};
  };
  using Done = absl::AnyInvocable<void(absl::Status)>;
  using Reloaded = absl::AnyInvocable<void(
      absl::StatusOr<v1::ReloadReply::Outcome::Change>)>;

  // Borrows the context.
  ServiceSupervisor(Context& context, HostedService service);
  ServiceSupervisor(const ServiceSupervisor&) = delete;
  ServiceSupervisor& operator=(const ServiceSupervisor&) = delete;

  // Opens the sockets, and does what the configuration says. After an error
  // there are none.
  absl::Status Begin();
  // What another host has left with the keeper, then Resume() in the place of
  // Begin().
  void Restore(const v1::ServiceRecord& record);
  void RestoreProcess(const v1::ProcessRecord& record, SharedFd pidfd);
  ServiceSockets& sockets() { return sockets_; }
  DescriptorStore& store() { return store_; }
  OutputPipes& output() { return output_; }
  absl::Status Resume();

  // As for the Host's methods. `done` is called once.
  void Start(Done done);
  void Stop(Done done);
  void Restart(Done done);
  void Reload(HostedService service, Reloaded done);
  // Stops the service, and closes its sockets. `done` may destroy this.
  void Remove(Done done);

  bool Has(pid_t pid) const { return processes_.Has(pid); }
  void OnEnd(const v1::Event::Ended& ended);
  void OnNotification(NotifySocket::Message message);
  // What the process, and others, had sent was read.
  void OnListened(pid_t pid);
  // Answers those who wait, as this host ends.
  void EndCalls();
  // As this host ends, or all services do.
  void KillAll() { processes_.KillAll(); }

  v1::ServiceStatus Status() const;
  ServiceLog& log() { return log_; }

 private:
  struct Reloading {
    HostedService former;
    Reloaded done;
  };

  void Apply(const ServiceMachine::Actions& actions);
  void Do(const ServiceMachine::Action& action);
  void StartProcess();
  void OnStarted(pid_t pid, const absl::Status& status);
  void FinishStarts(const absl::Status& status);
  void FinishStops(const absl::Status& status);
  void FinishReload(const absl::Status& status);
  void StoreFiles(const Notification& said, NotifySocket::Message message);
  // Makes everything else follow the machine's state.
  void Update();
  void UpdateWatches();
  void SetAlarm();
  void Save();
  std::vector<PassedDescriptor> Passed() const;

  Context& context_;
  HostedService service_;
  ServiceMachine machine_;
  ServiceLog log_;
  ServiceSockets sockets_;
  DescriptorStore store_;
  OutputPipes output_;
  ServiceProcesses processes_;
  ServiceHistory history_;
  SocketWatch socket_watch_;
  IdleWatch idle_watch_;
  Alarm alarm_;  // for the machine's deadline

  bool was_reloading_ = false;  // when another host ended
  std::vector<Done> start_waiters_;
  std::vector<Done> stop_waiters_;
  std::optional<Reloading> reloading_;
  bool is_removed_ = false;  // Remove() was called
  std::string told_;         // the status that was told last
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_SERVICE_SUPERVISOR_H_
