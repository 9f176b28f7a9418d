#ifndef FDRPC_TESTS_SERVICES_LAUNCHER_LAUNCHER_H_
#define FDRPC_TESTS_SERVICES_LAUNCHER_LAUNCHER_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "fdrpc/unique_fd.h"
#include "tests/services/program/program.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {

// fdrpc-launcher as a process, which listens on a socket of each type.
class Launcher {
 public:
  static constexpr const char* kSchemes[] = {
      "unix:", "unix-seqpacket:", "unix-dgram:"};

  // Starts it, and blocks until it listens.
  explicit Launcher(const std::vector<std::string>& options = {});

  std::string address(const std::string& scheme = "unix:") const {
    return dir_.address(scheme.substr(0, scheme.size() - 1), scheme);
  }
  const TempDir& dir() const { return dir_; }
  Program& program() { return *program_; }
  Ending Stop(int signal);

 private:
  TempDir dir_;
  UniqueFd output_;
  std::optional<Program> program_;
};

// A request for a script of sh, which prints to `output`, if that is not
// negative. Borrowed.
Parcel<launcher::v1::LaunchRequest> Script(const std::string& script,
                                           int output = -1);
// The end of a script that does not end before its standard input does, unless
// a trap ends it. wait(1) is what a trap interrupts at any moment.
inline constexpr char kUntilInputEnds[] =
    "exec 3<&0; cat <&3 > /dev/null & "
    "while kill -0 $! 2> /dev/null; do wait $!; done";
// Adds a copy of `fd`.
void Give(Parcel<launcher::v1::LaunchRequest>& request, int fd,
          uint32_t number);

// The processes whose parent is `pid`, among them those that ended and were not
// reaped.
std::vector<pid_t> ChildrenOf(pid_t pid);

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_LAUNCHER_LAUNCHER_H_
