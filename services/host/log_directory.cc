#include "services/host/log_directory.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace fdrpc::host {
namespace {

namespace fs = std::filesystem;

class DirectoryCheck {
 public:
  DirectoryCheck(const std::string& directory, uid_t own)
      : directory_(directory), own_(own) {}

  // All directories of the path, from the root on.
  absl::Status Check(const fs::path& path) const {
    fs::path present;
    bool is_open = false;  // to everybody, for new files
    for (const fs::path& name : path) {
      present /= name;
      struct stat entry, target;
      if (lstat(present.c_str(), &entry) < 0 ||
          stat(present.c_str(), &target) < 0) {
        if (errno != ENOENT) return absl::ErrnoToStatus(errno, present.c_str());
        if (!is_open) return absl::OkStatus();
        return Wrong(present, "is not there, and anybody could make it",
                     "mkdir -m 0755 ");
      }
      // A link, too, is its owner's.
      if (!IsTrusted(entry.st_uid)) return WrongOwner(present, entry.st_uid);
      if (!IsTrusted(target.st_uid)) return WrongOwner(present, target.st_uid);
      if (!S_ISDIR(target.st_mode)) {
        return Wrong(present, "is not a directory", "rm ");
      }
      const bool is_last = present == path;
      is_open = (target.st_mode & (is_last ? S_IWOTH | S_IWGRP : S_IWOTH)) != 0;
      // With the sticky bit, nobody can replace what is another user's.
      if (is_open && (is_last || (target.st_mode & S_ISVTX) == 0)) {
        return Wrong(present,
                     absl::StrFormat("can be written to by others (mode %04o)",
                                     target.st_mode & 07777),
                     "chmod go-w ");
      }
    }
    return absl::OkStatus();
  }

 private:
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
};

}  // namespace

absl::Status CheckLogDirectory(const std::string& path, uid_t own) {
  const DirectoryCheck check(path, own);
  absl::Status status = check.Check(path);
  if (!status.ok()) return status;
  // Where links lead to.
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  if (error) return absl::ErrnoToStatus(error.value(), path);
  return check.Check(real);
}

}  // namespace fdrpc::host
