#include "services/launcher/forwarded_signals.h"

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "absl/status/status.h"

namespace fdrpc::launcher {
namespace {

constexpr int kForwarded[] = {SIGINT,  SIGTERM,  SIGHUP,  SIGQUIT, SIGUSR1,
                              SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT};

bool IsIgnored(int number) {
  struct sigaction action = {};
  sigaction(number, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

// Lets the signal through that this process sends to itself.
void Take(int number) {
  signal(number, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  sigset_t before;
  raise(number);
  pthread_sigmask(SIG_UNBLOCK, &set, &before);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

absl::StatusOr<ForwardedSignals> ForwardedSignals::Create() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : kForwarded) {
    if (!IsIgnored(number)) sigaddset(&signals, number);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "signalfd");
  return ForwardedSignals(std::move(fd));
}

std::optional<ForwardedSignals::Received> ForwardedSignals::Next() const {
  signalfd_siginfo info;
  if (read(fd_.get(), &info, sizeof(info)) != sizeof(info)) {
    return std::nullopt;
  }
  return Received{.signal = static_cast<int>(info.ssi_signo),
                  .from_terminal = info.ssi_code == SI_KERNEL};
}

void StopSelfBy(int signal) { Take(signal); }

void DieOf(int signal) {
  // The command has left a core file, if one is wanted.
  const rlimit none = {.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &none);
  Take(signal);
}

}  // namespace fdrpc::launcher
