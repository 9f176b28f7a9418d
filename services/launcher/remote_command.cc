#include "services/launcher/remote_command.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "services/process/pidfd.h"

namespace fdrpc::launcher {
namespace {

// As this process's PID namespace has it, whatever the launcher says. -1 if it
// has none here: the process has been reaped, or lives outside.
pid_t PidOf(int pidfd) {
  constexpr std::string_view kField = "Pid:";
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(pidfd));
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with(kField)) continue;
    const pid_t pid = std::atoi(line.c_str() + kField.size());
    // Not that of init, whose negative means all processes.
    return pid > 1 ? pid : -1;
  }
  return -1;
}

}  // namespace

void RemoteCommand::Run(Parcel<v1::LaunchRequest> request,
                        const CallOptions& options) {
  ReadNext(launcher_.async().Run(std::move(request), options));
}

void RemoteCommand::Launch(Parcel<v1::LaunchRequest> request,
                           const CallOptions& options) {
  launcher_.async().Launch(
      std::move(request), options,
      [this](const absl::StatusOr<Parcel<v1::LaunchReply>>& reply) {
        if (!reply.ok()) return OnStatus(reply.status());
        v1::WatchRequest watch;
        watch.set_id((*reply)->id());
        ReadNext(launcher_.async().Watch(watch));
      });
}

void RemoteCommand::ReadNext(Events events) {
  events.Read(
      [this, events](std::optional<Parcel<v1::ProcessEvent>> event) mutable {
        if (event.has_value()) {
          OnEvent(*std::move(event));
          return ReadNext(events);
        }
        // Keeps the call until its status is here.
        events.Finish(
            [this, events](const absl::Status& status) { OnStatus(status); });
      });
}

void RemoteCommand::OnEvent(Parcel<v1::ProcessEvent> event) {
  switch (event->event_case()) {
    case v1::ProcessEvent::kStarted:
      pidfd_ = event.Take(event->started().pidfd());
      pid_ = PidOf(pidfd_.get());
      has_started_ = true;
      observer_.on_started();
      break;
    case v1::ProcessEvent::kStopped:
      observer_.on_stopped();
      break;
    case v1::ProcessEvent::kEnded:
      ended_ = event->ended();
      break;
    default:
      break;
  }
}

void RemoteCommand::OnStatus(const absl::Status& status) {
  if (ended_.has_value()) return observer_.on_end(*ended_);
  observer_.on_end(status.ok()
                       ? absl::InternalError("the launcher reported no end")
                       : status);
}

void RemoteCommand::Signal(int signal) const {
  if (!pidfd_.ok()) return;
  process::SendSignal(pidfd_.get(), signal);
}

void RemoteCommand::SignalGroup(int signal) const {
  if (!pidfd_.ok()) return;
  if (process::SendSignalToGroup(pidfd_.get(), signal) != EINVAL) return;
  // An older kernel. The number is the group's at least until its leader ends.
  if (pid_ > 1 && !process::HasEnded(pidfd_.get())) kill(-pid_, signal);
}

}  // namespace fdrpc::launcher
