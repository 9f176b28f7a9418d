#include "services/process/child_process.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include "services/process/child_side.h"
#include "services/process/pidfd.h"
#include "services/process/start_error.h"

namespace fdrpc::process {
namespace {

// Not vfork(2) or CLONE_VM: the new process changes its user before exec, and
// others of that user must not reach the memory of this one; and a slow file
// system would hold up the calling thread. Not fork(3) either, which runs the
// functions of pthread_atfork(3). Like fork(2), it returns twice.
pid_t Clone(const ProcessSpec& spec, int* pidfd) {
  clone_args args = {};
  args.flags = CLONE_PIDFD | spec.namespaces;
  args.pidfd = reinterpret_cast<uintptr_t>(pidfd);
  if (spec.is_sibling) {
    args.flags |= CLONE_PARENT;  // with the signal of this process's own end
  } else {
    args.exit_signal = SIGCHLD;
  }
  return static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof(args)));
}

// Blocks signals, so that none runs a handler of this program in the new
// process.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

ProcessEnd EndOf(const siginfo_t& info, const rusage& resources) {
  ProcessEnd end;
  end.resources = resources;
  if (info.si_code == CLD_EXITED) {
    end.exit_code = info.si_status;
  } else {
    end.signal = info.si_status;
    end.core_dumped = info.si_code == CLD_DUMPED;
  }
  return end;
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const ProcessSpec& spec) {
  ChildPlan plan(spec);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) {
    return StartError({StartStep::kFork, errno, 0}, spec);
  }
  UniqueFd failures(ends[0]);
  UniqueFd write_end(ends[1]);
  plan.failure_pipe = write_end.get();
  int pidfd = -1;
  pid_t pid;
  int error;
  {
    SignalsBlocked while_forking;
    pid = Clone(spec, &pidfd);
    if (pid == 0) RunChild(plan);
    error = errno;
  }
  if (pid < 0) return StartError({StartStep::kFork, error, 0}, spec);
  return ChildProcess(pid, SharedFd(UniqueFd(pidfd)), std::move(failures),
                      spec.is_sibling);
}

absl::Status ChildProcess::FinishStart(const ProcessSpec& spec) {
  StartFailure failure;
  ssize_t bytes;
  do {
    bytes = read(failure_pipe_.get(), &failure, sizeof(failure));
  } while (bytes < 0 && errno == EINTR);
  failure_pipe_.Reset();
  // exec(2), or its death, has closed the pipe.
  if (bytes == 0) return absl::OkStatus();
  // It exits by itself, unless somebody has stopped it; that may take long, as
  // file systems have a say when it closes its descriptors.
  Signal(SIGKILL);
  return StartError(failure, spec);
}

void ChildProcess::Signal(int signal) {
  if (reaped_) return;
  SendSignal(pidfd_.get(), signal);
}

void ChildProcess::SignalGroup(int signal) {
  if (reaped_) return;
  switch (SendSignalToGroup(pidfd_.get(), signal)) {
    case ESRCH:
      return Signal(signal);
    case EINVAL:
      // An older kernel. A sibling may be reaped, and its number another
      // group's, once it has ended.
      if (is_sibling_ && HasEnded(pidfd_.get())) return;
      if (kill(-pid_, signal) < 0 && errno == ESRCH) Signal(signal);
  }
}

std::optional<ProcessEnd> ChildProcess::Reap() {
  return Wait(WEXITED | WNOHANG);
}

ProcessEnd ChildProcess::AwaitEnd() {
  return Wait(WEXITED).value_or(ProcessEnd());
}

std::optional<ChildProcess::StateChange> ChildProcess::NextStateChange() {
  siginfo_t info = {};
  // Without WEXITED it reaps none.
  if (waitid(P_ALL, 0, &info, WSTOPPED | WCONTINUED | WNOHANG) < 0 ||
      info.si_pid == 0) {
    return std::nullopt;
  }
  return StateChange{
      .pid = info.si_pid,
      .stop_signal = info.si_code == CLD_CONTINUED ? 0 : info.si_status};
}

std::optional<ProcessEnd> ChildProcess::Wait(int options) {
  if (reaped_) return std::nullopt;
  siginfo_t info = {};
  rusage resources = {};
  long result;
  do {
    // The C library's has no rusage.
    result =
        syscall(SYS_waitid, P_PIDFD, pidfd_.get(), &info, options, &resources);
  } while (result < 0 && errno == EINTR);
  if (result < 0 || info.si_pid == 0) return std::nullopt;
  reaped_ = true;
  return EndOf(info, resources);
}

}  // namespace fdrpc::process
