#include "services/blobstore/blob_events.h"

#include <utility>

namespace fdrpc::blobstore {

uint64_t BlobEvents::AddListener(Listener listener) {
  const std::lock_guard lock(mutex_);
  listeners_.emplace(++last_id_, std::move(listener));
  return last_id_;
}

void BlobEvents::RemoveListener(uint64_t id) {
  const std::lock_guard lock(mutex_);
  listeners_.erase(id);
}

void BlobEvents::Publish(BlobEvent event, const BlobInfo& blob) {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, listener] : listeners_) listener(event, blob);
}

}  // namespace fdrpc::blobstore
