#include "services/blobstore/blob_watch.h"

#include "services/blobstore/describe.h"

namespace fdrpc::blobstore {
namespace {

v1::Event::Kind KindOf(BlobEvent event) {
  switch (event) {
    case BlobEvent::kAdded:
    case BlobEvent::kOpened:
      return v1::Event::KIND_ADDED;
    case BlobEvent::kEvicted:
      return v1::Event::KIND_EVICTED;
    case BlobEvent::kRemoved:
      break;
  }
  return v1::Event::KIND_REMOVED;
}

}  // namespace

void BlobWatch::Tell(BlobEvent event, const BlobInfo& blob) {
  if (!BlobIndex::MayRead(user_, blob)) return;
  const bool knows_it_already =
      event == BlobEvent::kOpened && BlobIndex::MayRemove(user_, blob);
  if (knows_it_already) return;
  {
    const std::lock_guard lock(mutex_);
    has_missed_ = has_missed_ || waiting_.size() == kMostWaiting;
    // The event that is being sent continues with those that wait.
    if (has_missed_) return;
    v1::Event& next = waiting_.emplace_back();
    next.set_kind(KindOf(event));
    Describe(blob, *next.mutable_blob());
  }
  Continue();
}

void BlobWatch::Continue() {
  v1::Event event;
  bool has_event = false;
  {
    const std::lock_guard lock(mutex_);
    if (is_writing_ || (waiting_.empty() && !has_missed_)) return;
    // Also for the end, which then comes once.
    is_writing_ = true;
    has_event = !waiting_.empty();
    if (has_event) {
      event = std::move(waiting_.front());
      waiting_.pop_front();
    }
  }
  if (!has_event) return on_missed_();
  call_.Write(std::move(event), [self = shared_from_this()](bool taken) {
    if (!taken) return;  // the call has ended
    {
      const std::lock_guard lock(self->mutex_);
      self->is_writing_ = false;
    }
    self->Continue();
  });
}

}  // namespace fdrpc::blobstore
