#include "services/blobstore/blob_watch_service.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace fdrpc::blobstore {

BlobWatchService::~BlobWatchService() {
  for (const auto& [id, watched] : watches_) {
    events_.RemoveListener(watched.listener);
  }
}

void BlobWatchService::Watch(v1::BlobStore::WatchCall call) {
  ServerContext& context = call.context();
  const uid_t user = context.peer().uid;
  const std::stop_token cancelled = context.cancellation();
  const std::stop_token draining = context.draining();
  auto ends = std::make_shared<Ends>();
  uint64_t id = 0;
  {
    std::unique_lock lock(mutex_);
    if (watches_of_[user] >= kMostWatchesOfUser) {
      lock.unlock();
      return call.Finish(absl::ResourceExhaustedError(
          absl::StrCat("user ", user, " has ", kMostWatchesOfUser,
                       " watches, which is the limit; end one first")));
    }
    ++watches_of_[user];
    id = ++last_id_;
    auto watch = std::make_shared<BlobWatch>(std::move(call), user, [this, id] {
      EndWatch(id, absl::ResourceExhaustedError(
                       "events were missed, because they were not read in "
                       "time; watch and list again"));
    });
    const uint64_t listener =
        events_.AddListener([watch](BlobEvent event, const BlobInfo& blob) {
          watch->Tell(event, blob);
        });
    watches_.emplace(id, Watched{user, listener, std::move(watch), ends});
    // Its client knows by them that it misses nothing from now on.
    context.SendHeaders();
  }
  // Without the lock: stop may have been requested, and the function run here.
  ends->cancelled.emplace(cancelled,
                          [this, id] { EndWatch(id, absl::OkStatus()); });
  ends->draining.emplace(draining, [this, id] {
    EndWatch(id, absl::UnavailableError(
                     "the store ends watches, because it shuts down or the "
                     "connection has reached its age; watch again"));
  });
}

void BlobWatchService::EndWatch(uint64_t id, const absl::Status& status) {
  Watched ended;
  {
    const std::lock_guard lock(mutex_);
    const auto found = watches_.find(id);
    if (found == watches_.end()) return;
    ended = std::move(found->second);
    watches_.erase(found);
    const auto of_user = watches_of_.find(ended.user);
    if (--of_user->second == 0) watches_of_.erase(of_user);
  }
  events_.RemoveListener(ended.listener);
  if (!status.ok()) ended.watch->End(status);
}

}  // namespace fdrpc::blobstore
