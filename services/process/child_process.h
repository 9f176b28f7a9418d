#ifndef FDRPC_SERVICES_PROCESS_CHILD_PROCESS_H_
#define FDRPC_SERVICES_PROCESS_CHILD_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"
#include "services/process/process_end.h"
#include "services/process/process_spec.h"

namespace fdrpc::process {

// A process that this one has started. It leads a session and a process group
// of its own, has all signals as they are by default and none blocked, and only
// the descriptors that it was given.
//
// Owns the pidfd, and the right to reap, unless it is a sibling of this
// process: nothing else in this process may wait for its children. Destroying
// this leaves the process alone.
//
// Threads: one at a time; Start() also for all processes together, as each new
// one has a copy of every descriptor for a moment.
class ChildProcess {
 public:
  // Forks, and returns while the new process prepares itself: that can take
  // long, because its program may be on a slow file system.
  static absl::StatusOr<ChildProcess> Start(const ProcessSpec& spec);

  // One that was started before, by whoever was this process then: a sibling,
  // whose program runs. Takes over its pidfd.
  static ChildProcess Adopt(pid_t pid, SharedFd pidfd) {
    return ChildProcess(pid, std::move(pidfd), UniqueFd(), true);
  }

  ChildProcess(ChildProcess&&) = default;
  ChildProcess& operator=(ChildProcess&&) = default;

  // Readable as soon as FinishStart() does not block. Borrowed.
  int start_fd() const { return failure_pipe_.get(); }
  // Call it once, with the same spec. OK when the program runs, or something
  // has killed the process before. After an error the process ends, and is to
  // be reaped like others.
  absl::Status FinishStart(const ProcessSpec& spec);

  pid_t pid() const { return pid_; }
  const SharedFd& pidfd() const { return pidfd_; }

  // To the process, or to all of its group, unless it has been reaped. Before
  // its program runs, the process may have no group yet, and is alone.
  void Signal(int signal);
  void SignalGroup(int signal);

  // Does not block: empty while the process runs, and after it was reaped.
  std::optional<ProcessEnd> Reap();
  // Blocks until the process has ended.
  ProcessEnd AwaitEnd();

  // Of any child of this process: that it was stopped, or continues. Empty if
  // there is no news. SIGCHLD says when to look.
  struct StateChange {
    pid_t pid = 0;
    int stop_signal = 0;  // 0: it continues
  };
  static std::optional<StateChange> NextStateChange();

 private:
  ChildProcess(pid_t pid, SharedFd pidfd, UniqueFd failure_pipe,
               bool is_sibling)
      : pid_(pid),
        pidfd_(std::move(pidfd)),
        failure_pipe_(std::move(failure_pipe)),
        is_sibling_(is_sibling) {}

  std::optional<ProcessEnd> Wait(int options);

  pid_t pid_;
  SharedFd pidfd_;
  UniqueFd failure_pipe_;
  bool is_sibling_;
  bool reaped_ = false;
};

}  // namespace fdrpc::process

#endif  // FDRPC_SERVICES_PROCESS_CHILD_PROCESS_H_
