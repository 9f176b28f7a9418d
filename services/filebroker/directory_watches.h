#ifndef FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCHES_H_
#define FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCHES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "services/filebroker/directory_access.h"
#include "services/filebroker/directory_watch.h"
#include "services/filebroker/directory_watcher.h"
#include "services/filebroker/user_quota.h"

namespace fdrpc::filebroker {

// The calls of Watch() of all directories.
//
// Threads: safe.
class DirectoryWatches {
 public:
  // Each has a descriptor, and two watches of the kernel's.
  static constexpr int kMostWatchesOfUser = 64;

  DirectoryWatches();
  ~DirectoryWatches();

  // Serves the call until it ends. If this fails, the call is still to be
  // finished, with this status.
  absl::Status Begin(const DirectoryAccess& access, DirectoryWatch::Call& call);

 private:
  using Callback = std::stop_callback<std::function<void()>>;
  // What ends a watch, and is destroyed with it.
  struct Ends {
    std::optional<Callback> cancelled;
    std::optional<Callback> draining;
  };
  struct Watched {
    UserQuota::Hold hold;
    std::shared_ptr<DirectoryWatch> watch;
    std::shared_ptr<Ends> ends;
    uint64_t watcher_id = 0;
  };

  // With the lock: started by the first watch.
  absl::StatusOr<DirectoryWatcher*> Watcher();
  // With OK the call has ended already.
  void EndWatch(uint64_t id, const absl::Status& status);

  const std::shared_ptr<UserQuota> quota_;
  std::mutex mutex_;
  std::map<uint64_t, Watched> watches_;
  uint64_t last_id_ = 0;
  std::shared_ptr<DirectoryWatcher> watcher_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCHES_H_
