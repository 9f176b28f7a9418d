#include "services/filebroker/directory_watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::filebroker {
namespace {

using Kind = DirectoryEvent::Kind;

constexpr uint32_t kOfDirectory =
    IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM |
    IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_EXCL_UNLINK;
constexpr uint32_t kOfParent = IN_DELETE;

// Adds to a watch that the instance has already.
int AddWatch(int inotify, const std::string& path, uint32_t mask) {
  return inotify_add_watch(inotify, path.c_str(),
                           mask | IN_ONLYDIR | IN_MASK_ADD);
}

// inotify takes no descriptors.
std::string PathOf(const UniqueFd& directory) {
  return absl::StrCat("/proc/self/fd/", directory.get());
}

absl::Status WatchError(int error) {
  switch (error) {
    case ENOSPC:
      return absl::ResourceExhaustedError(
          "the broker's user has no inotify watch left: raise "
          "fs.inotify.max_user_watches (in a user namespace, "
          "user.max_inotify_watches, too), or end watches");
    case EACCES:
      return absl::PermissionDeniedError(
          "the broker itself may not read the directory");
    case ENOENT:
      return absl::FailedPreconditionError(
          "watching needs /proc, which is not mounted for the broker");
    default:
      return absl::ErrnoToStatus(error, "inotify_add_watch");
  }
}

bool IsRemoved(const UniqueFd& directory) {
  struct stat info = {};
  return fstat(directory.get(), &info) < 0 || info.st_nlink == 0;
}

// Empty if it is nothing that a client is told.
std::optional<Kind> ReportedKind(const inotify_event& event) {
  if (event.len == 0) return std::nullopt;  // of the directory itself
  if ((event.mask & IN_CREATE) != 0) return Kind::kCreated;
  if ((event.mask & IN_DELETE) != 0) return Kind::kRemoved;
  if ((event.mask & (IN_MODIFY | IN_ATTRIB)) != 0) return Kind::kChanged;
  if ((event.mask & IN_MOVED_FROM) != 0) return Kind::kMovedFrom;
  if ((event.mask & IN_MOVED_TO) != 0) return Kind::kMovedTo;
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::shared_ptr<DirectoryWatcher>> DirectoryWatcher::Create() {
  UniqueFd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.ok() && errno == EMFILE) {
    return absl::ResourceExhaustedError(
        "the broker has no descriptor left, or its user no inotify instance: "
        "raise fs.inotify.max_user_instances (in a user namespace, "
        "user.max_inotify_instances, too)");
  }
  if (!inotify.ok()) return absl::ErrnoToStatus(errno, "inotify_init1");
  UniqueFd stop(eventfd(0, EFD_CLOEXEC));
  if (!stop.ok()) return absl::ErrnoToStatus(errno, "eventfd");
  std::shared_ptr<DirectoryWatcher> watcher(
      new DirectoryWatcher(std::move(inotify), std::move(stop)));
  // Signals are for the threads of the program that expect them.
  sigset_t all;
  sigset_t former;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &former);
  watcher->thread_ = std::thread([watcher] { watcher->Run(); });
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
  return watcher;
}

DirectoryWatcher::DirectoryWatcher(UniqueFd inotify, UniqueFd stop)
    : inotify_(std::move(inotify)), stop_(std::move(stop)) {}

void DirectoryWatcher::Stop() {
  eventfd_write(stop_.get(), 1);
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

absl::StatusOr<uint64_t> DirectoryWatcher::Add(UniqueFd directory,
                                               Listener listener) {
  const std::lock_guard lock(mutex_);
  const int descriptor =
      AddWatch(inotify_.get(), PathOf(directory), kOfDirectory);
  if (descriptor < 0) return WatchError(errno);
  const uint64_t id = ++last_id_;
  Watch& watch = watches_[id];
  watch.directory = std::move(directory);
  watch.descriptor = descriptor;
  watch.listener = std::make_shared<const Listener>(std::move(listener));
  watched_[descriptor].by.insert(id);
  WatchParent(id, watch);
  // It may have been removed before its parent was watched.
  if (!IsRemoved(watch.directory)) return id;
  ForgetParent(id, watch);
  watched_[descriptor].by.erase(id);
  ReleaseIfUnused(descriptor);
  watches_.erase(id);
  return absl::NotFoundError("the directory has been removed");
}

void DirectoryWatcher::Remove(uint64_t id) {
  Watch removed;  // closed without the lock
  const std::lock_guard lock(mutex_);
  const auto found = watches_.find(id);
  if (found == watches_.end()) return;
  removed = std::move(found->second);
  watches_.erase(found);
  ForgetParent(id, removed);
  const auto watched = watched_.find(removed.descriptor);
  if (watched == watched_.end()) return;  // it has gone
  watched->second.by.erase(id);
  ReleaseIfUnused(removed.descriptor);
}

// Without permission to watch the parent, the directory's own IN_DELETE_SELF
// remains.
void DirectoryWatcher::WatchParent(uint64_t id, Watch& watch) {
  const int parent = AddWatch(
      inotify_.get(), absl::StrCat(PathOf(watch.directory), "/.."), kOfParent);
  if (parent == watch.parent_descriptor) return;
  ForgetParent(id, watch);
  watch.parent_descriptor = parent;
  if (parent >= 0) watched_[parent].by_parent.insert(id);
}

void DirectoryWatcher::ForgetParent(uint64_t id, Watch& watch) {
  const auto parent = watched_.find(watch.parent_descriptor);
  if (parent == watched_.end()) return;
  parent->second.by_parent.erase(id);
  ReleaseIfUnused(watch.parent_descriptor);
  watch.parent_descriptor = -1;
}

void DirectoryWatcher::ReleaseIfUnused(int descriptor) {
  const auto found = watched_.find(descriptor);
  if (!found->second.by.empty() || !found->second.by_parent.empty()) return;
  watched_.erase(found);
  inotify_rm_watch(inotify_.get(), descriptor);
}

void DirectoryWatcher::Run() {
  pollfd waits[] = {{.fd = inotify_.get(), .events = POLLIN, .revents = 0},
                    {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
  alignas(inotify_event) char buffer[16 << 10];
  while (true) {
    if (poll(waits, 2, -1) < 0) continue;  // EINTR
    if (waits[1].revents != 0) return;
    const ssize_t size = read(inotify_.get(), buffer, sizeof(buffer));
    for (ssize_t at = 0; at < size;) {
      const auto& event = *reinterpret_cast<inotify_event*>(buffer + at);
      Dispatch(event);
      at += static_cast<ssize_t>(sizeof(event) + event.len);
    }
  }
}

void DirectoryWatcher::Dispatch(const inotify_event& event) {
  std::vector<Delivery> deliveries;
  {
    const std::lock_guard lock(mutex_);
    Collect(event, deliveries);
  }
  for (const auto& [listener, what] : deliveries) (*listener)(what);
}

void DirectoryWatcher::Collect(const inotify_event& event,
                               std::vector<Delivery>& out) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    for (auto& [id, watch] : watches_) {
      out.push_back({watch.listener, {.kind = Kind::kLost}});
      // What was lost may be that.
      WatchParent(id, watch);
      CollectIfGone(watch, out);
    }
    return;
  }
  const auto found = watched_.find(event.wd);
  if (found == watched_.end()) return;  // released meanwhile
  const Watched watched = found->second;
  // The kernel has removed the watch: the directory is gone, or unmounted.
  const bool is_over = (event.mask & IN_IGNORED) != 0;
  if (is_over) watched_.erase(found);
  const std::optional<Kind> kind = ReportedKind(event);
  for (const uint64_t id : watched.by) {
    Watch& watch = watches_.at(id);
    if (kind.has_value()) {
      out.push_back({watch.listener,
                     {.kind = *kind,
                      .name = event.name,
                      .is_directory = (event.mask & IN_ISDIR) != 0,
                      .cookie = event.cookie}});
    }
    if (is_over) CollectGone(watch, out);
    if ((event.mask & IN_MOVE_SELF) != 0) WatchParent(id, watch);
    // Also IN_ATTRIB, if another directory has replaced it.
    if (!is_over && event.len == 0) CollectIfGone(watch, out);
  }
  for (const uint64_t id : watched.by_parent) {
    CollectIfGone(watches_.at(id), out);
  }
}

void DirectoryWatcher::CollectIfGone(Watch& watch, std::vector<Delivery>& out) {
  if (IsRemoved(watch.directory)) CollectGone(watch, out);
}

void DirectoryWatcher::CollectGone(Watch& watch, std::vector<Delivery>& out) {
  if (watch.is_gone) return;
  watch.is_gone = true;
  out.push_back({watch.listener, {.kind = Kind::kGone}});
}

}  // namespace fdrpc::filebroker
