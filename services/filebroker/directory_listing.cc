#include "services/filebroker/directory_listing.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string_view>

#include "services/filebroker/file_kind.h"
#include "services/filebroker/open_error.h"

namespace fdrpc::filebroker {

absl::StatusOr<DirectoryListing> DirectoryListing::Create(UniqueFd directory) {
  DIR* const stream = fdopendir(directory.get());
  if (stream == nullptr) return OpenError(errno, ".");
  static_cast<void>(directory.Release());  // the stream's now
  return DirectoryListing(stream);
}

absl::StatusOr<std::optional<v1::Entry>> DirectoryListing::Next() {
  while (true) {
    errno = 0;
    const dirent* const found = readdir(stream_.get());
    if (found == nullptr) {
      if (errno != 0) return OpenError(errno, ".");
      return std::nullopt;
    }
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    struct stat info = {};
    if (fstatat(dirfd(stream_.get()), found->d_name, &info,
                AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) continue;  // it has gone meanwhile
      return OpenError(errno, name);
    }
    v1::Entry entry;
    entry.set_name(found->d_name);
    entry.set_kind(KindOf(info.st_mode));
    if (S_ISREG(info.st_mode)) {
      entry.set_size(static_cast<uint64_t>(info.st_size));
    }
    return entry;
  }
}

}  // namespace fdrpc::filebroker
