#ifndef FDRPC_SERVICES_LAUNCHER_FORWARDED_SIGNALS_H_
#define FDRPC_SERVICES_LAUNCHER_FORWARDED_SIGNALS_H_

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::launcher {

// The signals of fdrpc-run that concern its command, from now on to be read
// here. Those that fdrpc-run ignores, as after nohup(1), stay ignored.
class ForwardedSignals {
 public:
  struct Received {
    int signal;
    // A terminal has sent it, or the kernel for another reason, and not a
    // process.
    bool from_terminal;
  };

  // Blocks them for the whole process: call it before there are threads.
  static absl::StatusOr<ForwardedSignals> Create();

  // Readable when there is one. Borrowed.
  int fd() const { return fd_.get(); }
  std::optional<Received> Next() const;

 private:
  explicit ForwardedSignals(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

// Stops this process by SIGSTOP, or by SIGTSTP, which does not stop it in an
// orphaned process group (setpgid(2)). Returns when it goes on.
void StopSelfBy(int signal);

// Ends this process as `signal` ends it by default; returns if it does not.
void DieOf(int signal);

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_FORWARDED_SIGNALS_H_
