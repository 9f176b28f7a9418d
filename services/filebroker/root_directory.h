#ifndef FDRPC_SERVICES_FILEBROKER_ROOT_DIRECTORY_H_
#define FDRPC_SERVICES_FILEBROKER_ROOT_DIRECTORY_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::filebroker {

// How to open a file.
struct OpenOptions {
  enum class Creation { kNone, kIfMissing, kExclusive };

  // At least one of the two must be set.
  bool read = false;
  bool write = false;
  // These need `write`.
  Creation creation = Creation::kNone;
  bool truncate = false;
  bool append = false;
  // For a file that is created: at most 0777, reduced by the umask.
  mode_t permissions = 0600;
};

struct OpenedFile {
  UniqueFd fd;       // blocking, close-on-exec
  struct stat info;  // its fstat(2)
};

// Opens and changes what is beneath one directory, and nothing outside of it:
// the kernel refuses every path that leaves it (openat2(2), RESOLVE_BENEATH),
// even if names change meanwhile. Owns a descriptor of the directory, and so
// keeps using it if it is renamed or becomes unreachable.
//
// Threads: safe.
class RootDirectory {
 public:
  // Fails if `path` is not a directory that can be searched, or with
  // UNIMPLEMENTED if the kernel lacks openat2(2).
  static absl::StatusOr<RootDirectory> Create(const std::string& path);

  // Opens a file of any kind except a directory, with the process's rights. Its
  // statuses are those of fdrpc.filebroker.v1.FileBroker.Open.
  //
  // Does not wait for the other side of a FIFO, for a terminal's line or for a
  // lease, and does not acquire a controlling terminal. A slow file system may
  // still block it.
  absl::StatusOr<OpenedFile> Open(std::string_view path,
                                  const OpenOptions& options) const;

  // All these have the statuses of fdrpc.filebroker.v1.Directory.

  // A directory beneath this one, which is a root of its own.
  absl::StatusOr<RootDirectory> OpenDirectory(std::string_view path) const;
  // Descriptors to list and to watch a directory with (for the latter O_PATH):
  // for the broker itself only, since they lead to the directory's "..".
  absl::StatusOr<UniqueFd> OpenForListing(std::string_view path) const;
  absl::StatusOr<UniqueFd> OpenForWatching(std::string_view path) const;

  // These change the name that ends the path, and never follow it. If the
  // directory that has it is moved out meanwhile, it is changed there: it was
  // beneath this one when the path was resolved.
  enum class Existing { kIsReplaced, kIsKept };
  absl::Status Rename(std::string_view from, std::string_view to,
                      Existing existing) const;
  absl::Status Unlink(std::string_view path) const;
  absl::Status UnlinkDirectory(std::string_view path) const;
  absl::Status MakeDirectory(std::string_view path, mode_t permissions) const;

 private:
  absl::StatusOr<UniqueFd> OpenAt(std::string_view path, uint64_t flags) const;
  explicit RootDirectory(UniqueFd root) : root_(std::move(root)) {}

  UniqueFd root_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_ROOT_DIRECTORY_H_
