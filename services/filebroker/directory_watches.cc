#include "services/filebroker/directory_watches.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace fdrpc::filebroker {

DirectoryWatches::DirectoryWatches()
    : quota_(
          UserQuota::Create("watches", kMostWatchesOfUser, "end one first")) {}

DirectoryWatches::~DirectoryWatches() {
  if (watcher_ != nullptr) watcher_->Stop();
}

absl::StatusOr<DirectoryWatcher*> DirectoryWatches::Watcher() {
  if (watcher_ == nullptr) {
    absl::StatusOr<std::shared_ptr<DirectoryWatcher>> made =
        DirectoryWatcher::Create();
    if (!made.ok()) return made.status();
    watcher_ = *std::move(made);
  }
  return watcher_.get();
}

absl::Status DirectoryWatches::Begin(const DirectoryAccess& access,
                                     DirectoryWatch::Call& call) {
  absl::StatusOr<UserQuota::Hold> hold = quota_->Take(access.client().uid);
  if (!hold.ok()) return hold.status();
  absl::StatusOr<UniqueFd> directory =
      access.OpenForWatching(call.request().path());
  if (!directory.ok()) return directory.status();
  ServerContext& context = call.context();
  const std::stop_token cancelled = context.cancellation();
  const std::stop_token draining = context.draining();
  auto ends = std::make_shared<Ends>();
  uint64_t id = 0;
  std::shared_ptr<DirectoryWatch> watch;
  {
    // Held until the watch is entered, so that its end finds it.
    const std::lock_guard lock(mutex_);
    const absl::StatusOr<DirectoryWatcher*> watcher = Watcher();
    if (!watcher.ok()) return watcher.status();
    id = ++last_id_;
    watch = std::make_shared<DirectoryWatch>(call, [this, id] {
      EndWatch(id, absl::NotFoundError("the directory has been removed"));
    });
    const absl::StatusOr<uint64_t> watcher_id = (*watcher)->Add(
        *std::move(directory),
        [watch](const DirectoryEvent& event) { watch->Tell(event); });
    if (!watcher_id.ok()) return watcher_id.status();
    watches_.emplace(id, Watched{*std::move(hold), watch, ends, *watcher_id});
  }
  watch->Start();
  // Without the lock: stop may have been requested, and the function run here.
  ends->cancelled.emplace(cancelled,
                          [this, id] { EndWatch(id, absl::OkStatus()); });
  ends->draining.emplace(draining, [this, id] {
    EndWatch(id, absl::UnavailableError(
                     "the broker ends watches, because it shuts down or the "
                     "connection has reached its age; watch again"));
  });
  return absl::OkStatus();
}

void DirectoryWatches::EndWatch(uint64_t id, const absl::Status& status) {
  Watched ended;
  {
    const std::lock_guard lock(mutex_);
    const auto found = watches_.find(id);
    if (found == watches_.end()) return;
    ended = std::move(found->second);
    watches_.erase(found);
  }
  watcher_->Remove(ended.watcher_id);
  ended.hold.reset();  // whose client hears of the end may watch again
  if (!status.ok()) ended.watch->End(status);
}

}  // namespace fdrpc::filebroker
