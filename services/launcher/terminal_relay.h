#ifndef FDRPC_SERVICES_LAUNCHER_TERMINAL_RELAY_H_
#define FDRPC_SERVICES_LAUNCHER_TERMINAL_RELAY_H_

#include <sys/types.h>
#include <termios.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"
#include "services/process/event_loop.h"

namespace fdrpc::launcher {

// A pseudo-terminal between this process's controlling terminal and a command
// in another session, which cannot have the terminal itself. It has the modes
// and the size of the terminal, which is raw as long as this process is in the
// foreground, so that the command's side makes signals of keys. If standard
// input is something else, only output is relayed.
//
// Threads: the loop's.
class TerminalRelay {
 public:
  // Null if none of the standard streams is the controlling terminal.
  static absl::StatusOr<std::unique_ptr<TerminalRelay>> Create(
      process::EventLoop& loop);
  TerminalRelay(const TerminalRelay&) = delete;
  TerminalRelay& operator=(const TerminalRelay&) = delete;
  // Restores the terminal.
  ~TerminalRelay();

  // Whether the relay takes the place of this standard stream.
  static bool Replaces(int number);
  // The command's side, to be sent; not kept.
  UniqueFd TakeCommandsSide() { return std::move(slave_); }

  // Begins to relay, and makes the terminal raw: when the command, of process
  // group `group`, has started. `on_suspend` is called for the key that
  // suspends, while this group is in the foreground: it is orphaned
  // (setpgid(2)), and the terminal's SIGTSTP would not stop it.
  absl::Status Start(pid_t group, std::function<void()> on_suspend);

  // Restores the terminal, before this process stops.
  void Pause();
  // Takes it again, if this process is in the foreground.
  void Resume();
  // Passes the size on: at SIGWINCH.
  void CopySize();
  // After the end of the command: writes what is left, and restores the
  // terminal.
  void Finish();

 private:
  TerminalRelay(process::EventLoop& loop, int terminal)
      : loop_(loop), terminal_(terminal) {}

  absl::Status Open();
  void TakeInput();
  void OnInput();
  void WritePending();
  // False when the command's side is closed everywhere.
  bool CopyOutput();
  bool Suspends(char key) const;

  process::EventLoop& loop_;
  const int terminal_;  // one of the standard streams
  UniqueFd master_;
  UniqueFd master_to_write_;  // the same, to be watched for room
  UniqueFd slave_;
  std::function<void()> on_suspend_;
  pid_t group_ = -1;
  std::optional<termios> restored_;  // while it is raw
  std::string pending_;  // input for which the command's side has no room
};

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_TERMINAL_RELAY_H_
