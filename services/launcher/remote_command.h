#ifndef FDRPC_SERVICES_LAUNCHER_REMOTE_COMMAND_H_
#define FDRPC_SERVICES_LAUNCHER_REMOTE_COMMAND_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/call_options.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::launcher {

// A command that a launcher runs for this process: makes the calls, and passes
// signals to the command directly.
//
// Threads: the loop's of the stub's channel.
class RemoteCommand {
 public:
  struct Observer {
    std::function<void()> on_started;
    std::function<void()> on_stopped;
    // Once, at last. An error if it was not started, or the launcher was lost.
    std::function<void(absl::StatusOr<v1::Ended>)> on_end;
  };

  RemoteCommand(v1::Launcher::Stub launcher, Observer observer)
      : launcher_(std::move(launcher)), observer_(std::move(observer)) {}
  RemoteCommand(const RemoteCommand&) = delete;
  RemoteCommand& operator=(const RemoteCommand&) = delete;

  // The command ends with this process.
  void Run(Parcel<v1::LaunchRequest> request, const CallOptions& options);
  // It goes on without this process.
  void Launch(Parcel<v1::LaunchRequest> request, const CallOptions& options);

  bool has_started() const { return has_started_; }
  // -1 until it has started, or if it is in no PID namespace of this process.
  pid_t pid() const { return pid_; }
  // To the command's process, or to its group, if it has started.
  void Signal(int signal) const;
  void SignalGroup(int signal) const;

 private:
  using Events = AsyncClientReader<Parcel<v1::ProcessEvent>>;

  void ReadNext(Events events);
  void OnEvent(Parcel<v1::ProcessEvent> event);
  void OnStatus(const absl::Status& status);

  v1::Launcher::Stub launcher_;
  const Observer observer_;
  UniqueFd pidfd_;
  pid_t pid_ = -1;
  bool has_started_ = false;
  std::optional<v1::Ended> ended_;
};

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_REMOTE_COMMAND_H_
