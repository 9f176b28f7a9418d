#ifndef FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCHER_H_
#define FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCHER_H_

#include <sys/inotify.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::filebroker {

// What happened in a directory.
struct DirectoryEvent {
  enum class Kind {
    kStarted,  // never by the watcher
    kCreated,
    kRemoved,
    kChanged,
    kMovedFrom,
    kMovedTo,
    kLost,  // events were lost
    kGone,  // the directory itself was removed; the last event
  };

  Kind kind = Kind::kLost;
  std::string name = {};
  bool is_directory = false;
  uint32_t cookie = 0;  // one for kMovedFrom and kMovedTo of one rename

  bool operator==(const DirectoryEvent&) const = default;
};

// Watches directories, all with one inotify(7) instance and one thread.
//
// Threads: safe.
class DirectoryWatcher {
 public:
  // Called by the watcher's thread, without locks; must not block.
  using Listener = std::function<void(const DirectoryEvent&)>;

  // RESOURCE_EXHAUSTED if the user has no inotify instance left.
  static absl::StatusOr<std::shared_ptr<DirectoryWatcher>> Create();
  // Before it is released. Waits for a listener that is running, unless that
  // calls this: the end of a watch may end all that is behind it.
  void Stop();

  // `directory` was opened with O_PATH. Returns the number of the watch.
  // NOT_FOUND if it has been removed, RESOURCE_EXHAUSTED if the user has no
  // inotify watch left.
  absl::StatusOr<uint64_t> Add(UniqueFd directory, Listener listener);
  // The listener may be running, or about to run a last time.
  void Remove(uint64_t watch);

 private:
  // A removed directory that something has open, if only as its working
  // directory, reports nothing itself: its parent does.
  struct Watch {
    UniqueFd directory;
    int descriptor = -1;
    int parent_descriptor = -1;
    std::shared_ptr<const Listener> listener;
    bool is_gone = false;  // and its listener knows
  };
  struct Watched {
    std::set<uint64_t> by;         // watches of the directory
    std::set<uint64_t> by_parent;  // and of directories in it
  };
  using Delivery = std::pair<std::shared_ptr<const Listener>, DirectoryEvent>;

  DirectoryWatcher(UniqueFd inotify, UniqueFd stop);

  void Run();
  void Dispatch(const inotify_event& event);
  // All with the lock.
  void WatchParent(uint64_t id, Watch& watch);
  void ForgetParent(uint64_t id, Watch& watch);
  void ReleaseIfUnused(int descriptor);
  void Collect(const inotify_event& event, std::vector<Delivery>& out);
  void CollectIfGone(Watch& watch, std::vector<Delivery>& out);
  void CollectGone(Watch& watch, std::vector<Delivery>& out);

  const UniqueFd inotify_;
  const UniqueFd stop_;
  std::mutex mutex_;
  std::map<uint64_t, Watch> watches_;
  std::map<int, Watched> watched_;  // by the kernel's watch descriptor
  uint64_t last_id_ = 0;
  std::thread thread_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCHER_H_
