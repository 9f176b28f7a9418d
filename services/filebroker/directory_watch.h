#ifndef FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCH_H_
#define FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCH_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "services/filebroker/directory_watcher.h"

namespace fdrpc::filebroker {

// One call of Watch(): sends one event after the other. A client that does not
// read costs so many events, and then misses some, of which it is told.
//
// Threads: any.
class DirectoryWatch final
    : public std::enable_shared_from_this<DirectoryWatch> {
 public:
  using Call = v1::Directory::WatchCall;
  static constexpr size_t kMostWaiting = 1024;

  // `on_gone` is called once the client has got all events and the directory
  // has been removed: without locks.
  DirectoryWatch(Call call, std::function<void()> on_gone)
      : call_(std::move(call)), on_gone_(std::move(on_gone)) {}

  void Tell(const DirectoryEvent& event);
  // Begins to send: that it has started, and then what it has been told.
  void Start();
  // Ends the call, after the event that is being sent.
  void End(const absl::Status& status) { call_.Finish(status); }

 private:
  // With the lock.
  void Enqueue(const DirectoryEvent& event);
  // Sends the next event, unless one is being sent.
  void Continue();

  Call call_;
  const std::function<void()> on_gone_;
  std::mutex mutex_;
  std::deque<DirectoryEvent> waiting_;
  bool is_writing_ = true;  // until Start()
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCH_H_
