#include "services/host/keeper.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/host/child_list.h"
#include "services/host/end_text.h"
#include "services/host/held_process.h"
#include "services/host/keeper_service.h"
#include "services/host/service_manager.h"

namespace fdrpc::host {
namespace {

constexpr absl::Duration kFirstDelay = absl::Milliseconds(50);
constexpr absl::Duration kLongestDelay = absl::Seconds(5);
// A host that is told to stop may be killed, and the next one goes on.
constexpr int kMostEndsWhileStopping = 3;
// Signals to stop that come so soon after the first one are the same request:
// timeout(1) and shells, for example, send one to a process and to its group.
constexpr std::chrono::seconds kSameRequest(1);
// For a host that is told to kill everything, or to stop before it serves.
constexpr absl::Duration kLastPatience = absl::Seconds(5);
// Of the connection, in the host.
constexpr int kConnectionNumber = 3;

absl::StatusOr<UniqueFd> OpenKeeperSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR2}) {
    sigaddset(&signals, number);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // If it were ignored, as a parent may have left it, nothing could be reaped.
  signal(SIGCHLD, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "signalfd");
  return fd;
}

std::vector<std::string> Environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

v1::Event EndedEvent(const siginfo_t& info) {
  v1::Event event;
  v1::Event::Ended& ended = *event.mutable_ended();
  ended.set_pid(info.si_pid);
  if (info.si_code == CLD_EXITED) {
    ended.set_exit_code(info.si_status);
  } else {
    ended.set_signal(info.si_status);
    ended.set_core_dumped(info.si_code == CLD_DUMPED);
  }
  return event;
}

}  // namespace

Keeper::Keeper(process::EventLoop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      restart_(loop.loop()),
      check_(loop.loop()),
      end_(loop.loop()),
      delay_(kFirstDelay),
      // A host may put many descriptors at once.
      server_({.drain_timeout = absl::ZeroDuration()}) {}

absl::Status Keeper::Prepare() {
  std::error_code error;
  program_ = std::filesystem::read_symlink("/proc/self/exe", error).string();
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat(
        "/proc/self/exe cannot be read, it takes /proc: ", error.message()));
  }
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
    return absl::ErrnoToStatus(errno, "prctl(PR_SET_CHILD_SUBREAPER)");
  }
  absl::StatusOr<UniqueFd> signals = OpenKeeperSignals();
  if (!signals.ok()) return signals.status();
  signals_ = *std::move(signals);
  absl::Status status = server_.AwaitConnections();
  if (status.ok()) status = server_.Start(loop_.loop());
  if (status.ok()) {
    status = loop_.Watch(signals_.get(), [this] { OnSignals(); });
  }
  return status;
}

absl::Status Keeper::Run() {
  absl::Status status = Prepare();
  if (!status.ok()) return status;
  status = TryToStartHost();
  if (!status.ok()) return status;
  if (options_.hang_timeout < absl::InfiniteDuration()) CheckHost();
  loop_.Run();
  EndChildren();
  return result_;
}

void Keeper::OnSignals() {
  signalfd_siginfo received;
  while (read(signals_.get(), &received, sizeof(received)) ==
         sizeof(received)) {
    switch (received.ssi_signo) {
      case SIGCHLD:
        ReapAll();
        break;
      case SIGHUP:
        Tell(v1::Event::COMMAND_RELOAD);
        break;
      case SIGUSR2:
        Tell(v1::Event::COMMAND_UPGRADE);
        break;
      default:
        Stop();
    }
  }
}

void Keeper::Stop() {
  const auto now = std::chrono::steady_clock::now();
  if (!std::exchange(is_stopping_, true)) {
    stop_asked_ = now;
    NotifyServiceManager("STOPPING=1");
    Tell(v1::Event::COMMAND_STOP);
    if (!has_served_) {
      EndSoon(absl::FailedPreconditionError(
          "it was told to stop before it hosted the services"));
    }
    return;
  }
  if (now - stop_asked_ < kSameRequest) return;
  if (std::exchange(is_hurrying_, true)) return;
  Tell(v1::Event::COMMAND_STOP_NOW);
  if (!has_served_) return;  // it ends soon in any case
  EndSoon(absl::InternalError(
      "the host process has not ended the services when it was told to for the "
      "second time: they are killed"));
}

void Keeper::EndSoon(absl::Status status) {
  end_.Set(kLastPatience, [this, status = std::move(status)](bool rang) {
    if (rang) End(status);
  });
}

uint64_t Keeper::Tell(v1::Event::Command command) {
  return state_.AddCommand(command);
}

void Keeper::CheckHost() {
  check_.Set(options_.hang_timeout / HangDetector::kMostMissed,
             [this](bool rang) {
               if (rang) CheckHost();
             });
  // The first one may take its time to come to serve.
  if (!host_.has_value() || !has_served_) return;
  switch (detector_.OnTick(!state_.Holds(last_ping_), IsHeld(host_->pid()),
                           !is_serving_)) {
    case HangDetector::Verdict::kPing:
      last_ping_ = Tell(v1::Event::COMMAND_PING);
      break;
    case HangDetector::Verdict::kWait:
      break;
    case HangDetector::Verdict::kHangs:
      detector_.Reset();
      host_->Signal(SIGKILL);
      std::cerr << absl::StrCat(
          "fdrpc-host: the host process ", host_->pid(),
          " has not answered for ",
          absl::FormatDuration(is_serving_ ? options_.hang_timeout
                                           : HangDetector::kPatienceAtStart *
                                                 options_.hang_timeout),
          ", and is killed\n");
  }
}

void Keeper::ReapAll() {
  while (true) {
    siginfo_t info = {};
    const int result = waitid(P_ALL, 0, &info, WEXITED | WNOHANG);
    if (result < 0 && errno == EINTR) continue;
    if (result < 0 || info.si_pid == 0) return;
    if (!host_.has_value() || info.si_pid != host_->pid()) {
      state_.Add(EndedEvent(info));
      continue;
    }
    if (loop_.Watches(host_->start_fd())) OnHostStarted();
    ended_well_ = info.si_code == CLD_EXITED && info.si_status == 0;
    if (!ended_well_) {
      std::cerr << "fdrpc-host: the host process " << info.si_pid << " "
                << EndText(EndedEvent(info).ended()) << "\n";
    }
    host_.reset();
    OnHostGone();
  }
}

absl::Status Keeper::TryToStartHost() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
    return absl::ErrnoToStatus(errno, "socketpair");
  }
  UniqueFd ours(ends[0]);
  const UniqueFd hosts(ends[1]);
  spec_ = {};
  // The file that is installed may have been replaced by one that does not
  // work. This program's own does.
  spec_.program = is_serving_ || !has_served_ ? program_ : "/proc/self/exe";
  spec_.arguments = {"fdrpc-host", "serve"};
  spec_.arguments.insert(spec_.arguments.end(), options_.arguments.begin(),
                         options_.arguments.end());
  spec_.arguments.insert(spec_.arguments.end(),
                         {"--keeper", absl::StrCat("fd:", kConnectionNumber)});
  spec_.environment = Environment();
  spec_.descriptors = {{STDIN_FILENO, STDIN_FILENO},
                       {STDOUT_FILENO, STDOUT_FILENO},
                       {STDERR_FILENO, STDERR_FILENO},
                       {hosts.get(), kConnectionNumber}};
  spec_.limits = {{RLIMIT_NOFILE, options_.open_files}};
  absl::Status status = server_.ServeConnection(
      std::move(ours), std::make_shared<KeeperService>(
                           state_, [this] { OnServing(); },
                           [this] {
                             Loop(loop_.loop()).Post([this] {
                               is_connected_ = false;
                               OnHostGone();
                             });
                           }));
  if (!status.ok()) return status;
  is_connected_ = true;
  is_serving_ = false;
  detector_.Reset();
  absl::StatusOr<process::ChildProcess> host =
      process::ChildProcess::Start(spec_);
  if (!host.ok()) return host.status();
  host_ = *std::move(host);
  return loop_.Watch(host_->start_fd(), [this] { OnHostStarted(); });
}

void Keeper::OnHostStarted() {
  loop_.Unwatch(host_->start_fd());
  const absl::Status started = host_->FinishStart(spec_);
  if (!started.ok()) {
    std::cerr << "fdrpc-host: the host process: " << started.message() << "\n";
  }
}

void Keeper::OnServing() {
  is_serving_ = true;
  detector_.Reset();
  // It does as it was told.
  if (!is_hurrying_) end_.Cancel();
  delay_ = kFirstDelay;
  if (std::exchange(has_served_, true)) return;
  NotifyServiceManager("READY=1");
  options_.on_first_serving();
}

void Keeper::OnHostGone() {
  // What it has sent is to be read first.
  if (host_.has_value() || is_connected_) return;
  if (is_stopping_ && ended_well_) return End(absl::OkStatus());
  if (is_stopping_ && ++ends_while_stopping_ == kMostEndsWhileStopping) {
    return End(absl::InternalError(
        "the host process fails again and again to end the services: they are "
        "killed"));
  }
  if (!has_served_) {
    return End(absl::FailedPreconditionError("the services cannot be hosted"));
  }
  if (std::exchange(ended_well_, false) && is_serving_) {
    return StartHost();  // it was asked to
  }
  restart_.Set(delay_, [this](bool rang) {
    if (rang) StartHost();
  });
  delay_ = std::min(2 * delay_, kLongestDelay);
}

void Keeper::StartHost() {
  const absl::Status started = TryToStartHost();
  if (started.ok()) return;
  std::cerr << "fdrpc-host: the host process cannot be started: "
            << started.message() << "\n";
  // The connection's other end is closed: OnHostGone() follows, unless there
  // was none.
  if (!is_connected_) OnHostGone();
}

void Keeper::End(absl::Status status) {
  result_ = std::move(status);
  loop_.Stop();
}

void Keeper::EndChildren() {
  while (true) {
    for (const pid_t pid : ChildrenOfThisProcess()) kill(pid, SIGKILL);
    // Their orphans follow.
    if (waitpid(-1, nullptr, 0) < 0 && errno != EINTR) return;
  }
}

}  // namespace fdrpc::host
