#include "services/host/log_directory.h"

#include <sys/stat.h>

#include <cerrno>
#include <deque>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace fdrpc::host {
namespace {

namespace fs = std::filesystem;

// Of links in a path, as in the kernel.
constexpr int kMostLinks = 40;

// The names of a path, without those that lead nowhere.
std::deque<std::string> NamesOf(const fs::path& path) {
  std::deque<std::string> names;
  for (const fs::path& name : path.relative_path()) {
    if (!name.empty() && name != ".") names.push_back(name.string());
  }
  return names;
}

// Walks to the directory as the kernel does, from the root on, and looks at all
// that decides where it leads: directories, and links.
class DirectoryCheck {
 public:
  DirectoryCheck(const std::string& directory, uid_t own)
      : directory_(directory), own_(own), names_(NamesOf(directory)) {}

  absl::Status Check() {
    absl::Status status = Enter("/");
    while (status.ok() && !names_.empty()) {
      const std::string name = std::move(names_.front());
      names_.pop_front();
      if (name == "..") {
        present_ = present_.parent_path();
        continue;
      }
      const fs::path next = present_ / name;
      struct stat entry;
      if (lstat(next.c_str(), &entry) < 0) {
        if (errno != ENOENT) return absl::ErrnoToStatus(errno, next.c_str());
        return CheckAbsent(next);
      }
      // A link, too, is its owner's.
      if (!IsTrusted(entry.st_uid)) return WrongOwner(next, entry.st_uid);
      status = S_ISLNK(entry.st_mode) ? Follow(next) : Enter(next);
    }
    if (!status.ok()) return status;
    const absl::StatusOr<mode_t> mode = ModeOf(present_);
    if (!mode.ok()) return mode.status();
    if ((*mode & (S_IWOTH | S_IWGRP)) != 0) return Writable(present_, *mode);
    return absl::OkStatus();
  }

 private:
  static absl::StatusOr<mode_t> ModeOf(const fs::path& path) {
    struct stat info;
    if (lstat(path.c_str(), &info) == 0) return info.st_mode;
    return absl::ErrnoToStatus(errno, path.c_str());
  }
  // A directory on the way.
  absl::Status Enter(const fs::path& path) {
    struct stat info;
    if (lstat(path.c_str(), &info) < 0) {
      return absl::ErrnoToStatus(errno, path.c_str());
    }
    if (!IsTrusted(info.st_uid)) return WrongOwner(path, info.st_uid);
    if (!S_ISDIR(info.st_mode)) return Wrong(path, "is not a directory", "rm ");
    // With the sticky bit, nobody can replace what is another user's.
    if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0) {
      return Writable(path, info.st_mode);
    }
    present_ = path;
    return absl::OkStatus();
  }
  // What the link says comes before the rest.
  absl::Status Follow(const fs::path& link) {
    if (++links_ > kMostLinks) return absl::ErrnoToStatus(ELOOP, directory_);
    std::error_code error;
    const fs::path target = fs::read_symlink(link, error);
    if (error) return absl::ErrnoToStatus(error.value(), link.c_str());
    const std::deque<std::string> names = NamesOf(target);
    names_.insert(names_.begin(), names.begin(), names.end());
    if (target.is_absolute()) present_ = "/";
    return absl::OkStatus();
  }
  absl::Status CheckAbsent(const fs::path& path) const {
    const absl::StatusOr<mode_t> above = ModeOf(present_);
    if (!above.ok()) return above.status();
    if ((*above & S_IWOTH) == 0) return absl::OkStatus();
    return Wrong(path, "is not there, and anybody could make it",
                 "mkdir -m 0755 ");
  }
  absl::Status Writable(const fs::path& path, mode_t mode) const {
    return Wrong(path,
                 absl::StrFormat("can be written to by others (mode %04o)",
                                 mode & 07777),
                 "chmod go-w ");
  }
  bool IsTrusted(uid_t owner) const { return owner == 0 || owner == own_; }
  absl::Status WrongOwner(const fs::path& path, uid_t owner) const {
    return Wrong(path, absl::StrCat("belongs to user ", owner),
                 absl::StrCat("chown -h ", own_, " "));
  }
  absl::Status Wrong(const fs::path& path, std::string_view why,
                     std::string_view command) const {
    return absl::FailedPreconditionError(absl::StrCat(
        "the log directory ", directory_, " is not safe, as ", path.string(),
        " ", std::string(why), ", who could redirect what the host writes: ",
        std::string(command), path.string(), ", or use another one"));
  }

  const std::string& directory_;
  const uid_t own_;
  fs::path present_;               // which has no links
  std::deque<std::string> names_;  // from there on
  int links_ = 0;
};

}  // namespace

absl::Status CheckLogDirectory(const std::string& path, uid_t own) {
  return DirectoryCheck(path, own).Check();
}

}  // namespace fdrpc::host
