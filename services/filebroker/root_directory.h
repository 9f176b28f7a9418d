#ifndef FDRPC_SERVICES_FILEBROKER_ROOT_DIRECTORY_H_
#define FDRPC_SERVICES_FILEBROKER_ROOT_DIRECTORY_H_

#include <sys/stat.h>

#include <string>
#include <string_view>

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

// Opens files beneath one directory, and none outside of it: the kernel refuses
// every path that leaves it (openat2(2), RESOLVE_BENEATH), even if names change
// meanwhile. Owns a descriptor of the directory, and so keeps using it if it is
// renamed or becomes unreachable.
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

 private:
  explicit RootDirectory(UniqueFd root) : root_(std::move(root)) {}

  UniqueFd root_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_ROOT_DIRECTORY_H_
