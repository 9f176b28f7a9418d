#ifndef FDRPC_SERVICES_BLOBSTORE_BLOB_WATCH_SERVICE_H_
#define FDRPC_SERVICES_BLOBSTORE_BLOB_WATCH_SERVICE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "fdrpc/blobstore/v1/blobstore.fdrpc.h"
#include "services/blobstore/blob_events.h"
#include "services/blobstore/blob_watch.h"

namespace fdrpc::blobstore {

// The method Watch() of fdrpc.blobstore.v1.BlobStore: the part of the service
// whose calls wait for what other calls do.
//
// Threads: safe.
class BlobWatchService final : public v1::BlobStore::AsyncService {
 public:
  // Each of one user's watches is told of each event, while others wait.
  static constexpr int kMostWatchesOfUser = 64;

  // Borrows the events.
  explicit BlobWatchService(BlobEvents& events) : events_(events) {}
  ~BlobWatchService() override;

  void Watch(v1::BlobStore::WatchCall call) override;

 private:
  using Callback = std::stop_callback<std::function<void()>>;
  // What ends a watch, and is destroyed with it.
  struct Ends {
    std::optional<Callback> cancelled;
    std::optional<Callback> draining;
  };
  struct Watched {
    uid_t user = 0;
    uint64_t listener = 0;
    std::shared_ptr<BlobWatch> watch;
    std::shared_ptr<Ends> ends;
  };

  // With OK the call has ended already.
  void EndWatch(uint64_t id, const absl::Status& status);

  BlobEvents& events_;
  std::mutex mutex_;
  std::map<uint64_t, Watched> watches_;
  uint64_t last_id_ = 0;
  std::map<uid_t, int> watches_of_;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_BLOB_WATCH_SERVICE_H_
