#ifndef FDRPC_SERVICES_HOST_HOSTED_PROCESS_H_
#define FDRPC_SERVICES_HOST_HOSTED_PROCESS_H_

#include <sys/resource.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/host/v1/record.pb.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"
#include "services/host/hosted_service.h"
#include "services/process/child_process.h"
#include "services/process/event_loop.h"

namespace fdrpc::host {

// A descriptor that a process gets in the manner of sd_listen_fds(3).
struct PassedDescriptor {
  std::string name;
  SharedFd fd;
};

// One process of a service: a child of the keeper, which reaps it.
//
// Threads: the loop's.
class HostedProcess {
 public:
  struct Environment {
    std::string notify_address;  // for NOTIFY_SOCKET
    rlimit open_files = {};      // unless the service has a limit of its own
  };

  // Forks. The process waits for Release() before it runs the program.
  static absl::StatusOr<std::unique_ptr<HostedProcess>> Start(
      process::EventLoop& loop, const HostedService& service,
      const std::vector<PassedDescriptor>& passed,
      const Environment& environment);
  // One that another host has started.
  static std::unique_ptr<HostedProcess> Adopt(process::EventLoop& loop,
                                              v1::ProcessRecord record,
                                              SharedFd pidfd);
  HostedProcess(const HostedProcess&) = delete;
  HostedProcess& operator=(const HostedProcess&) = delete;
  // Leaves the process alone; one that was not released ends.
  ~HostedProcess();

  // Lets it run its program. `on_started` is called when it does, or why not;
  // it ends then.
  void Release(absl::AnyInvocable<void(const absl::Status&)> on_started);

  pid_t pid() const { return child_.pid(); }
  const SharedFd& pidfd() const { return child_.pidfd(); }
  bool has_ended() const;
  void Terminate() { child_.Signal(SIGTERM); }
  void Abort() { child_.Signal(SIGABRT); }
  // With its process group.
  void Kill() { child_.SignalGroup(SIGKILL); }

  // The end of a pipe to which it writes its standard output and error. Empty
  // if it was adopted.
  UniqueFd TakeOutput() { return std::move(output_); }
  v1::ProcessRecord& record() { return record_; }
  const v1::ProcessRecord& record() const { return record_; }

 private:
  HostedProcess(process::EventLoop& loop, process::ChildProcess child)
      : loop_(loop), child_(std::move(child)) {}
  void OnStart();

  process::EventLoop& loop_;
  process::ChildProcess child_;
  process::ProcessSpec spec_;  // until it has started
  UniqueFd gate_;
  UniqueFd output_;
  absl::AnyInvocable<void(const absl::Status&)> on_started_;
  v1::ProcessRecord record_;
};

// By which a changed program is known; zeros if it cannot be looked at.
v1::ProgramFile IdentifyProgram(const std::string& path);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_HOSTED_PROCESS_H_
