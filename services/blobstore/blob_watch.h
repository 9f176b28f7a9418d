#ifndef FDRPC_SERVICES_BLOBSTORE_BLOB_WATCH_H_
#define FDRPC_SERVICES_BLOBSTORE_BLOB_WATCH_H_

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/blobstore/v1/blobstore.fdrpc.h"
#include "services/blobstore/blob_events.h"

namespace fdrpc::blobstore {

// One call of Watch(): sends what its user may know, one event after the other.
// A client that does not read costs so many events, and then misses some: the
// call ends.
//
// Threads: any.
class BlobWatch final : public std::enable_shared_from_this<BlobWatch> {
 public:
  using Call = v1::BlobStore::WatchCall;
  static constexpr size_t kMostWaiting = 1024;

  // `on_missed` is called once the client has got all events but those that it
  // has missed: without locks, and never by Tell().
  BlobWatch(Call call, uid_t user, std::function<void()> on_missed)
      : call_(std::move(call)), user_(user), on_missed_(std::move(on_missed)) {}

  void Tell(BlobEvent event, const BlobInfo& blob);
  // Ends the call, after the event that is being sent.
  void End(const absl::Status& status) { call_.Finish(status); }

 private:
  // Sends the next event, unless one is being sent.
  void Continue();

  Call call_;
  const uid_t user_;
  const std::function<void()> on_missed_;
  std::mutex mutex_;
  std::deque<v1::Event> waiting_;
  bool is_writing_ = false;
  bool has_missed_ = false;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_BLOB_WATCH_H_
