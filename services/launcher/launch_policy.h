#ifndef FDRPC_SERVICES_LAUNCHER_LAUNCH_POLICY_H_
#define FDRPC_SERVICES_LAUNCHER_LAUNCH_POLICY_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "fdrpc/peer_credentials.h"
#include "services/process/process_spec.h"

namespace fdrpc::launcher {

// The user of a process.
struct ProcessUser {
  process::UserIds ids;
  // As in the user database; empty if it does not have the user.
  std::string name;
  std::string home;
  std::string shell;
};

// Decides who may launch, and as which user the processes run. Root and the
// launcher's own user may launch.
//
// Threads: safe.
class LaunchPolicy {
 public:
  struct Options {
    std::vector<uid_t> allowed;  // may launch, too
    // Processes run as their caller, not as the launcher's user.
    bool as_caller = false;
  };

  // FAILED_PRECONDITION if the options would give root's rights to others, or
  // cannot be followed because the launcher does not run as root.
  static absl::StatusOr<LaunchPolicy> Create(Options options);

  absl::Status MayLaunch(const PeerCredentials& caller) const;
  // `owner` has launched the process.
  absl::Status MayWatch(const PeerCredentials& caller, uid_t owner) const;
  // The user for a process of `caller`; `asked` is null if the request has
  // none. Empty: the launcher's. Asks the user database, which may block.
  absl::StatusOr<std::optional<ProcessUser>> UserFor(
      const PeerCredentials& caller, const v1::User* asked) const;
  // Whether `caller` may raise limits as far as the launcher can.
  bool MayRaiseLimits(const PeerCredentials& caller) const;

 private:
  LaunchPolicy(Options options, uid_t own)
      : options_(std::move(options)), own_(own) {}

  Options options_;
  uid_t own_;  // the launcher's
};

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_LAUNCH_POLICY_H_
