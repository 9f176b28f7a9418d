// fdrpc-run: runs a command by a launcher, as if it ran here.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "fdrpc/alarm.h"
#include "fdrpc/channel.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "services/launcher/forwarded_signals.h"
#include "services/launcher/remote_command.h"
#include "services/launcher/run_settings.h"
#include "services/launcher/terminal_relay.h"
#include "services/process/event_loop.h"
#include "services/program/standard_streams.h"

namespace fdrpc::launcher {
namespace {

using process::EventLoop;
using program::OccupyStandardStreams;

constexpr char kUsage[] =
    R"(usage: fdrpc-run --server ADDRESS [OPTION]... -- COMMAND [ARGUMENT]...

Has the launcher at ADDRESS run COMMAND, as if it ran here: with the standard
streams, the environment, the working directory and the umask of fdrpc-run, which
passes its signals on, and ends as COMMAND does. COMMAND ends with fdrpc-run.

  --server ADDRESS       as the launcher was given it: unix:PATH, unix:@NAME, the
                         same with unix-seqpacket: or unix-dgram:, or fd:NUMBER,
                         a connected socket that was inherited
  --wait                 waits for a launcher that is not there yet
  --directory DIR        the working directory
  --env NAME=VALUE       adds a variable; may be given several times
  --launcher-environment the launcher's environment in place of this one
  --fd N                 COMMAND has descriptor N, too; may be given several times
  --user USER            a name or a number; the launcher decides
  --limit NAME=SOFT[:HARD]  a limit as for prlimit(1), such as nofile=1024 or
                         core=0:unlimited; may be given several times
  --no-new-privileges    COMMAND gains no privileges, as by set-user-ID programs
  --keep                 COMMAND goes on if fdrpc-run or the launcher ends
  --no-terminal          COMMAND has the terminal only as a file: no job control,
                         no window size
  --resources            prints at the end what COMMAND has used
  --help                 prints this

Exit status: COMMAND's; if a signal ended it, fdrpc-run dies of the same one. Or
  125   fdrpc-run is used wrongly, or the launcher cannot be reached or is lost
  126   COMMAND could not be run
  127   COMMAND was not found
)";

constexpr int kExitFailed = 125;
constexpr int kExitCannotRun = 126;
constexpr int kExitNoCommand = 127;

// How long a command may take to start after a signal for it has come.
constexpr absl::Duration kLongestStart = absl::Seconds(1);

int ExitStatusFor(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound:
      return kExitNoCommand;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
      return kExitCannotRun;
    default:
      return kExitFailed;
  }
}

int Complain(const absl::Status& status, int exit_status) {
  std::cerr << "fdrpc-run: " << absl::StatusCodeToString(status.code()) << ": "
            << status.message() << "\n";
  return exit_status;
}

void Report(const v1::ResourceUse& used) {
  std::cerr << "fdrpc-run: " << used.user_microseconds() / 1000 << " ms user, "
            << used.system_microseconds() / 1000 << " ms system, "
            << used.max_resident_bytes() / 1024 << " KiB resident at most, "
            << used.major_page_faults() << " + " << used.minor_page_faults()
            << " page faults, " << used.voluntary_switches() << " + "
            << used.involuntary_switches() << " context switches\n";
}

// One run of a command.
class Session {
 public:
  Session(EventLoop& loop, const RunSettings& settings,
          const ForwardedSignals& signals, v1::Launcher::Stub launcher)
      : loop_(loop),
        settings_(settings),
        signals_(signals),
        command_(std::move(launcher),
                 {.on_started = [this] { OnStarted(); },
                  .on_stopped = [this] { OnStopped(); },
                  .on_end =
                      [this](absl::StatusOr<v1::Ended> ended) {
                        OnEnd(std::move(ended));
                      }}),
        patience_(loop.loop()) {}

  // Returns fdrpc-run's exit status, unless it dies as the command did.
  int Run();

 private:
  absl::StatusOr<Parcel<v1::LaunchRequest>> Request() const;
  // Adds the standard streams, with a pseudo-terminal in place of a terminal.
  absl::Status AddStreams(Parcel<v1::LaunchRequest>& request);
  int Conclude();
  void OnStarted();
  void OnSignals();
  // Before the command is known to have started: it may still get the signal.
  // If it does not start soon, this program ends by the signal.
  void OnEarlySignal(int signal);
  void StopCommand();
  void OnStopped();
  void OnEnd(absl::StatusOr<v1::Ended> ended);

  EventLoop& loop_;
  const RunSettings& settings_;
  const ForwardedSignals& signals_;
  RemoteCommand command_;
  std::unique_ptr<TerminalRelay> terminal_;  // null: there is none
  bool stop_requested_ = false;              // by the terminal or SIGTSTP
  std::vector<int> early_signals_;
  Alarm patience_;  // with the command's start, after the first of them
  absl::StatusOr<v1::Ended> ended_ = absl::UnknownError("");
};

// Its own descriptor may stay open: only what is sent is closed.
absl::Status AddDescriptor(int from, int number,
                           Parcel<v1::LaunchRequest>& request) {
  UniqueFd copy(fcntl(from, F_DUPFD_CLOEXEC, 0));
  if (!copy.ok()) {
    // Whoever closed a standard stream means the command not to have it. What
    // OccupyStandardStreams() put there cannot be used.
    return absl::ErrnoToStatus(errno, absl::StrCat("descriptor ", from));
  }
  v1::Descriptor& descriptor = *request->add_descriptors();
  descriptor.set_number(static_cast<uint32_t>(number));
  request.Attach(descriptor.mutable_file(), std::move(copy));
  return absl::OkStatus();
}

absl::StatusOr<Parcel<v1::LaunchRequest>> Session::Request() const {
  Parcel<v1::LaunchRequest> request;
  *request = settings_.request;
  UniqueFd directory(
      open(settings_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return absl::ErrnoToStatus(errno, settings_.directory);
  request.set_working_directory(std::move(directory));
  for (const int number : settings_.descriptors) {
    absl::Status added = AddDescriptor(number, number, request);
    if (!added.ok()) return added;
  }
  return request;
}

absl::Status Session::AddStreams(Parcel<v1::LaunchRequest>& request) {
  if (settings_.may_use_terminal) {
    absl::StatusOr<std::unique_ptr<TerminalRelay>> terminal =
        TerminalRelay::Create(loop_);
    if (!terminal.ok()) return terminal.status();
    terminal_ = *std::move(terminal);
  }
  UniqueFd side;
  if (terminal_ != nullptr) side = terminal_->TakeCommandsSide();
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const bool replaced =
        terminal_ != nullptr && TerminalRelay::Replaces(number);
    absl::Status added =
        AddDescriptor(replaced ? side.get() : number, number, request);
    if (!added.ok()) return added;
    if (replaced) {
      request->set_controlling_terminal(static_cast<uint32_t>(number));
    }
  }
  return absl::OkStatus();
}

int Session::Run() {
  absl::StatusOr<Parcel<v1::LaunchRequest>> request = Request();
  if (!request.ok()) return Complain(request.status(), kExitFailed);
  if (absl::Status added = AddStreams(*request); !added.ok()) {
    return Complain(added, kExitFailed);
  }
  const absl::Status watched =
      loop_.Watch(signals_.fd(), [this] { OnSignals(); });
  if (!watched.ok()) return Complain(watched, kExitFailed);
  if (settings_.keep) {
    command_.Launch(*std::move(request), settings_.call);
  } else {
    command_.Run(*std::move(request), settings_.call);
  }
  loop_.Run();
  if (terminal_ != nullptr) terminal_->Finish();
  return Conclude();
}

int Session::Conclude() {
  if (!early_signals_.empty()) {
    DieOf(early_signals_.front());
    return 128 + early_signals_.front();
  }
  if (!ended_.ok()) {
    if (!command_.has_started()) {
      return Complain(ended_.status(), ExitStatusFor(ended_.status().code()));
    }
    if (!settings_.keep) command_.SignalGroup(SIGKILL);
    return Complain(ended_.status(), kExitFailed);
  }
  if (settings_.report_resources) Report(ended_->resources());
  if (!ended_->has_signal()) return ended_->exit_code();
  DieOf(ended_->signal());
  return 128 + ended_->signal();
}

void Session::OnStarted() {
  patience_.Cancel();
  for (const int signal : std::exchange(early_signals_, {})) {
    command_.SignalGroup(signal);
  }
  if (terminal_ == nullptr) return;
  const absl::Status started =
      terminal_->Start(command_.pid(), [this] { StopCommand(); });
  if (!started.ok()) OnEnd(started);
}

void Session::OnSignals() {
  while (const auto received = signals_.Next()) {
    if (!command_.has_started()) {
      OnEarlySignal(received->signal);
    } else if (terminal_ != nullptr && received->signal == SIGWINCH) {
      terminal_->CopySize();
    } else if (received->signal == SIGTSTP) {
      StopCommand();
    } else if (received->signal == SIGCONT) {
      if (terminal_ != nullptr) terminal_->Resume();
      command_.SignalGroup(SIGCONT);
    } else if (received->from_terminal) {
      command_.SignalGroup(received->signal);
    } else {
      command_.Signal(received->signal);
    }
  }
}

void Session::OnEarlySignal(int signal) {
  if (signal == SIGTSTP) return StopSelfBy(SIGTSTP);
  if (signal == SIGCONT || signal == SIGWINCH) return;
  early_signals_.push_back(signal);
  if (early_signals_.size() > 1) return;
  patience_.Set(kLongestStart, [this](bool rang) {
    if (rang) loop_.Stop();
  });
}

// The command's group is orphaned (setpgid(2)), so that SIGTSTP would not stop
// it. OnStopped() follows.
void Session::StopCommand() {
  stop_requested_ = true;
  command_.SignalGroup(SIGSTOP);
}

void Session::OnStopped() {
  if (terminal_ != nullptr) terminal_->Pause();
  // What would not stop a command here does not stop this program either: then
  // the command goes on at once.
  StopSelfBy(std::exchange(stop_requested_, false) ? SIGTSTP : SIGSTOP);
  if (terminal_ != nullptr) terminal_->Resume();
  command_.SignalGroup(SIGCONT);
}

void Session::OnEnd(absl::StatusOr<v1::Ended> ended) {
  ended_ = std::move(ended);
  loop_.Stop();
}

int RunCommand(const RunSettings& settings) {
  const absl::StatusOr<ForwardedSignals> signals = ForwardedSignals::Create();
  if (!signals.ok()) return Complain(signals.status(), kExitFailed);
  absl::StatusOr<EventLoop> loop = EventLoop::Create();
  if (!loop.ok()) return Complain(loop.status(), kExitFailed);
  const absl::StatusOr<Channel> channel =
      Channel::Connect(settings.server, {.loop = loop->loop()});
  if (!channel.ok()) return Complain(channel.status(), kExitFailed);
  return Session(*loop, settings, *signals, v1::Launcher::Stub(*channel)).Run();
}

int Main(int argc, char** argv) {
  if (!OccupyStandardStreams()) return kExitFailed;
  const absl::StatusOr<std::optional<RunSettings>> settings =
      ParseRunSettings(argc, argv);
  if (!settings.ok()) {
    std::cerr << "fdrpc-run: " << settings.status().message()
              << "\nTry fdrpc-run --help\n";
    return kExitFailed;
  }
  if (!settings->has_value()) {
    std::cout << kUsage;
    return 0;
  }
  return RunCommand(**settings);
}

}  // namespace
}  // namespace fdrpc::launcher

int main(int argc, char** argv) { return fdrpc::launcher::Main(argc, argv); }
