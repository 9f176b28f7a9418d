#ifndef FDRPC_SERVICES_BLOBSTORE_BLOB_EVENTS_H_
#define FDRPC_SERVICES_BLOBSTORE_BLOB_EVENTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

#include "services/blobstore/blob_index.h"

namespace fdrpc::blobstore {

// Opened: others than the owner may read it from now on.
enum class BlobEvent { kAdded, kOpened, kEvicted, kRemoved };

// Tells listeners what happens to blobs.
//
// Threads: safe.
class BlobEvents {
 public:
  // Called in the order of the events, with a lock: it must be short, and call
  // nothing here.
  using Listener = std::function<void(BlobEvent event, const BlobInfo& blob)>;

  // Until RemoveListener() has returned.
  uint64_t AddListener(Listener listener);
  void RemoveListener(uint64_t id);
  void Publish(BlobEvent event, const BlobInfo& blob);

 private:
  std::mutex mutex_;
  std::map<uint64_t, Listener> listeners_;
  uint64_t last_id_ = 0;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_BLOB_EVENTS_H_
