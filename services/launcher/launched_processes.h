#ifndef FDRPC_SERVICES_LAUNCHER_LAUNCHED_PROCESSES_H_
#define FDRPC_SERVICES_LAUNCHER_LAUNCHED_PROCESSES_H_

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "fdrpc/shared_fd.h"
#include "services/launcher/event_stream.h"
#include "services/process/child_process.h"
#include "services/process/event_loop.h"
#include "services/process/process_end.h"
#include "services/process/process_spec.h"

namespace fdrpc::launcher {

// The processes that a launcher has started: reaps each of them once, and
// reports what happens to them. Remembers for each user how the last processes
// ended.
//
// Threads: the loop's.
class LaunchedProcesses {
 public:
  struct Options {
    size_t max_running_per_user = 1024;
    size_t max_ended_per_user = 1024;  // that are remembered
  };
  // Called once, when the program runs or could not be started.
  using Started = absl::AnyInvocable<void(absl::Status)>;

  // Borrows the loop.
  LaunchedProcesses(process::EventLoop& loop, Options options)
      : loop_(loop), options_(options) {}
  LaunchedProcesses(const LaunchedProcesses&) = delete;
  LaunchedProcesses& operator=(const LaunchedProcesses&) = delete;

  // Forks for user `owner`, and returns the new process's id. The descriptors
  // of `spec` are not used after that. RESOURCE_EXHAUSTED if the user has too
  // many processes.
  absl::StatusOr<uint64_t> Start(process::ProcessSpec spec, uid_t owner,
                                 Started started);

  // Who has launched the process; empty if there is none with this id.
  std::optional<uid_t> OwnerOf(uint64_t id) const;
  struct Running {
    pid_t pid;
    SharedFd pidfd;
  };
  // Empty if there is none with this id, or it has ended.
  std::optional<Running> Find(uint64_t id) const;
  // Reports its present state, and what happens from now on.
  void AddStream(uint64_t id, std::shared_ptr<EventStream> stream);
  // Does not report to it any more.
  void RemoveStream(uint64_t id, const std::shared_ptr<EventStream>& stream);

  // To its process group. Nothing if it has ended.
  void SignalGroup(uint64_t id, int signal);

  // To be called at SIGCHLD: finds out which processes were stopped, and reaps
  // those that did not start.
  void OnChildSignal();

 private:
  struct Process {
    uid_t owner = 0;
    process::ProcessSpec spec;                   // until it runs
    Started started;                             // null once it runs
    std::optional<process::ChildProcess> child;  // empty when it has ended
    int stop_signal = 0;                         // 0: it is not stopped
    process::ProcessEnd end;
    std::vector<std::shared_ptr<EventStream>> streams;
  };
  // Did not start, and has not ended.
  struct Dying {
    process::ChildProcess child;
    uid_t owner = 0;
  };
  struct User {
    size_t running = 0;
    std::deque<uint64_t> ended;  // the oldest first
  };

  absl::Status Watch(uint64_t id, const process::ChildProcess& child);
  void OnStart(uint64_t id);
  void OnEnd(uint64_t id);
  // Reaps the process later, as its end can take long. Until then it is one of
  // its user's.
  void Kill(process::ChildProcess child, uid_t owner);
  void ReapDying();
  // Of one that has been reaped.
  void Remember(uint64_t id, User& user);

  process::EventLoop& loop_;
  const Options options_;
  std::unordered_map<uint64_t, Process> processes_;
  std::unordered_map<pid_t, uint64_t> ids_;  // of those that are not reaped
  std::unordered_map<uid_t, User> users_;
  std::vector<Dying> dying_;
};

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_LAUNCHED_PROCESSES_H_
