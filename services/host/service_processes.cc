#include "services/host/service_processes.h"

#include "absl/strings/str_cat.h"

namespace fdrpc::host {

absl::StatusOr<HostedProcess*> ServiceProcesses::Start(
    const HostedService& service, const std::vector<PassedDescriptor>& passed,
    const HostedProcess::Environment& environment) {
  absl::StatusOr<std::unique_ptr<HostedProcess>> process =
      HostedProcess::Start(loop_, service, passed, environment);
  if (!process.ok()) return process.status();
  const pid_t pid = (*process)->pid();
  (*process)->record().set_role(v1::ProcessRecord::ROLE_STARTING);
  keeper_.Put(Key(pid), (*process)->record().SerializeAsString(),
              (*process)->pidfd(),
              [this, pid](const absl::Status& status) { OnKept(pid, status); });
  return (processes_[pid] = *std::move(process)).get();
}

// Now that the keeper knows it, the process outlives this host.
void ServiceProcesses::OnKept(pid_t pid, const absl::Status& status) {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return;
  if (!status.ok()) {
    found->second->Kill();
    return on_started_(
        pid, absl::Status(status.code(),
                          absl::StrCat("the keeper: ", status.message())));
  }
  found->second->Release([this, pid](const absl::Status& started) {
    // It is the configuration that is wrong, whatever the system calls it.
    on_started_(pid, started.ok()
                         ? started
                         : absl::FailedPreconditionError(started.message()));
  });
}

void ServiceProcesses::Adopt(const v1::ProcessRecord& record, SharedFd pidfd) {
  processes_[record.pid()] =
      HostedProcess::Adopt(loop_, record, std::move(pidfd));
}

bool ServiceProcesses::HasEnded(pid_t pid) const {
  const auto found = processes_.find(pid);
  return found != processes_.end() && found->second->has_ended();
}

void ServiceProcesses::Forget(pid_t pid) {
  processes_.erase(pid);
  keeper_.Drop(Key(pid));
}

void ServiceProcesses::KillAll() {
  for (const auto& [pid, process] : processes_) process->Kill();
}

void ServiceProcesses::Save(
    const std::map<pid_t, ServiceMachine::Process>& known) {
  for (const auto& [pid, process] : processes_) {
    v1::ProcessRecord& record = process->record();
    if (const auto found = known.find(pid); found != known.end()) {
      record.set_role(found->second.role);
      record.set_was_told_to_end(found->second.was_told_to_end);
    }
    keeper_.Put(Key(pid), record.SerializeAsString());
  }
}

std::string ServiceProcesses::Key(pid_t pid) const {
  return absl::StrCat("process/", service_, "/", pid);
}

}  // namespace fdrpc::host
