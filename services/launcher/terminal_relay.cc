#include "services/launcher/terminal_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/program/copy.h"

namespace fdrpc::launcher {
namespace {

using program::WriteAll;

// The kernel passes on what a process has written before its end a moment
// later, and other processes may keep the terminal open and go on to write.
constexpr int kSilenceMilliseconds = 100;
constexpr absl::Duration kLongestFinish = absl::Seconds(2);

bool IsControllingTerminal(int fd) { return tcgetpgrp(fd) >= 0; }

int OutputStream() {
  return IsControllingTerminal(STDOUT_FILENO) ? STDOUT_FILENO : STDERR_FILENO;
}

// Changing a terminal from the background stops a process, unless SIGTTOU is
// blocked.
void SetModes(int terminal, const termios& modes) {
  sigset_t set;
  sigset_t before;
  sigemptyset(&set);
  sigaddset(&set, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  tcsetattr(terminal, TCSADRAIN, &modes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

bool TerminalRelay::Replaces(int number) {
  return number <= STDERR_FILENO && IsControllingTerminal(number);
}

absl::StatusOr<std::unique_ptr<TerminalRelay>> TerminalRelay::Create(
    process::EventLoop& loop) {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (!Replaces(number)) continue;
    std::unique_ptr<TerminalRelay> relay(new TerminalRelay(loop, number));
    if (absl::Status opened = relay->Open(); !opened.ok()) return opened;
    return relay;
  }
  return nullptr;
}

absl::Status TerminalRelay::Open() {
  master_ = UniqueFd(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!master_.ok() || grantpt(master_.get()) < 0 ||
      unlockpt(master_.get()) < 0) {
    return absl::ErrnoToStatus(errno, "a pseudo-terminal");
  }
  slave_ = UniqueFd(
      ioctl(master_.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  master_to_write_ = UniqueFd(fcntl(master_.get(), F_DUPFD_CLOEXEC, 0));
  if (!slave_.ok() || !master_to_write_.ok()) {
    return absl::ErrnoToStatus(errno, "a pseudo-terminal's descriptor");
  }
  termios modes = {};
  if (tcgetattr(terminal_, &modes) == 0) {
    // The terminal itself does this for output that passes no raw terminal.
    if (terminal_ != STDIN_FILENO)
      modes.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    tcsetattr(slave_.get(), TCSANOW, &modes);
  }
  CopySize();
  return absl::OkStatus();
}

TerminalRelay::~TerminalRelay() { Pause(); }

absl::Status TerminalRelay::Start(pid_t group,
                                  std::function<void()> on_suspend) {
  group_ = group;
  on_suspend_ = std::move(on_suspend);
  TakeInput();
  return loop_.Watch(master_.get(), [this] {
    if (!CopyOutput()) loop_.Unwatch(master_.get());
  });
}

void TerminalRelay::TakeInput() {
  if (terminal_ != STDIN_FILENO || restored_.has_value() ||
      tcgetpgrp(terminal_) != getpgrp()) {
    return;
  }
  termios modes = {};
  if (tcgetattr(terminal_, &modes) < 0) return;
  restored_ = modes;
  cfmakeraw(&modes);
  SetModes(terminal_, modes);
  // It cannot fail as long as the terminal is there.
  (void)loop_.Watch(terminal_, [this] { OnInput(); });
}

void TerminalRelay::Pause() {
  if (!restored_.has_value()) return;
  loop_.Unwatch(terminal_);
  SetModes(terminal_, *restored_);
  restored_.reset();
}

void TerminalRelay::Resume() {
  TakeInput();
  CopySize();
}

void TerminalRelay::CopySize() {
  winsize size = {};
  if (ioctl(terminal_, TIOCGWINSZ, &size) == 0) {
    // The kernel sends SIGWINCH to the command if this is a new size.
    ioctl(master_.get(), TIOCSWINSZ, &size);
  }
}

void TerminalRelay::OnInput() {
  char buffer[1024];
  const ssize_t bytes = read(terminal_, buffer, sizeof(buffer));
  if (bytes < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (bytes <= 0) return loop_.Unwatch(terminal_);  // it was hung up
  bool suspends = false;
  for (ssize_t i = 0; i < bytes; ++i) {
    if (Suspends(buffer[i])) {
      suspends = true;
    } else {
      pending_ += buffer[i];
    }
  }
  WritePending();
  if (suspends) on_suspend_();
}

bool TerminalRelay::Suspends(char key) const {
  // The master tells of the command's side.
  termios modes = {};
  pid_t foreground = -1;
  return tcgetattr(master_.get(), &modes) == 0 && (modes.c_lflag & ISIG) != 0 &&
         static_cast<cc_t>(key) == modes.c_cc[VSUSP] &&
         modes.c_cc[VSUSP] != _POSIX_VDISABLE &&
         ioctl(master_.get(), TIOCGPGRP, &foreground) == 0 &&
         foreground == group_;
}

void TerminalRelay::WritePending() {
  while (!pending_.empty()) {
    const ssize_t bytes =
        write(master_to_write_.get(), pending_.data(), pending_.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0 && errno == EAGAIN) {
      // No more is read meanwhile.
      loop_.Unwatch(terminal_);
      (void)loop_.WatchForRoom(master_to_write_.get(),
                               [this] { WritePending(); });
      return;
    }
    if (bytes < 0) pending_.clear();  // the command is gone
    if (bytes > 0) pending_.erase(0, static_cast<size_t>(bytes));
  }
  if (loop_.Watches(master_to_write_.get())) {
    loop_.Unwatch(master_to_write_.get());
    if (restored_.has_value()) {
      (void)loop_.Watch(terminal_, [this] { OnInput(); });
    }
  }
}

bool TerminalRelay::CopyOutput() {
  char buffer[4096];
  const ssize_t bytes = read(master_.get(), buffer, sizeof(buffer));
  if (bytes < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (bytes <= 0) return false;
  // If the terminal is gone, SIGHUP follows.
  (void)WriteAll(OutputStream(), {buffer, static_cast<size_t>(bytes)});
  return true;
}

void TerminalRelay::Finish() {
  loop_.Unwatch(master_.get());
  loop_.Unwatch(master_to_write_.get());
  const absl::Time latest = absl::Now() + kLongestFinish;
  pollfd output = {.fd = master_.get(), .events = POLLIN, .revents = 0};
  while (absl::Now() < latest && poll(&output, 1, kSilenceMilliseconds) > 0 &&
         CopyOutput()) {
  }
  Pause();
}

}  // namespace fdrpc::launcher
