#ifndef FDRPC_SERVICES_LAUNCHER_LAUNCHER_SERVICE_H_
#define FDRPC_SERVICES_LAUNCHER_LAUNCHER_SERVICE_H_

#include <sys/resource.h>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <unordered_map>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "fdrpc/loop.h"
#include "services/launcher/launch_policy.h"
#include "services/launcher/launched_processes.h"
#include "services/process/event_loop.h"

namespace fdrpc::launcher {

// Serves fdrpc.launcher.v1.Launcher, in an event loop whose thread lives as
// long as the process: those that Run has started die with it.
class LauncherService final : public v1::Launcher::AsyncService {
 public:
  struct Options {
    LaunchedProcesses::Options processes;
    rlimit open_files = {};  // of processes that ask for none
  };

  // Borrows the loop.
  LauncherService(process::EventLoop& loop, LaunchPolicy policy,
                  Options options)
      : loop_(loop.loop()),
        policy_(std::move(policy)),
        options_(options),
        processes_(loop, options.processes) {}

  void Launch(v1::Launcher::LaunchCall call) override;
  void Run(v1::Launcher::RunCall call) override;
  void Watch(v1::Launcher::WatchCall call) override;

  // To be called at SIGCHLD.
  void OnChildSignal() { processes_.OnChildSignal(); }

 private:
  // What is to be done when a call ends from outside, or the server drains.
  // Lives as long as the call.
  class Ending;
  struct Watches;

  template <typename Call>
  absl::StatusOr<uint64_t> Start(Call& call, bool dies_with_parent,
                                 LaunchedProcesses::Started started);

  const Loop loop_;
  const LaunchPolicy policy_;
  const Options options_;
  LaunchedProcesses processes_;
  std::unordered_map<uid_t, std::shared_ptr<Watches>> watches_;
};

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_LAUNCHER_SERVICE_H_
