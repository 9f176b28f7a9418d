#ifndef FDRPC_SERVICES_FILEBROKER_ROOT_DIRECTORY_H_
#define FDRPC_SERVICES_FILEBROKER_ROOT_DIRECTORY_H_

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::filebroker {

// How a file is to be opened.
struct OpenOptions {
  enum class Creation { kNone, kIfMissing, kExclusive };

  // At least one of the two.
  bool read = false;
  bool write = false;
  // These need `write`.
  Creation creation = Creation::kNone;
  bool truncate = false;
  bool append = false;
  // Of a file that is created, at most 0777, reduced by the umask.
  mode_t permissions = 0600;
};

struct OpenedFile {
  UniqueFd fd;       // in blocking mode, close-on-exec
  struct stat info;  // fstat(2) of it
};

// Opens files beneath one directory, and none outside of it: the kernel refuses
// every path that leaves it (openat2(2), RESOLVE_BENEATH), also when names are
// changed while it looks. Owns a descriptor of the directory, and so keeps to
// it even if it is renamed, or the way to it closed.
//
// Threads: safe.
class RootDirectory {
 public:
  // Fails if `path` is not a directory that can be searched, or with
  // UNIMPLEMENTED if the kernel lacks openat2(2).
  static absl::StatusOr<RootDirectory> Create(const std::string& path);

  // Opens a file of any kind but a directory, with the process's rights.
  // Statuses are those of fdrpc.filebroker.v1.FileBroker.Open.
  //
  // Does not wait for the other end of a FIFO, for a terminal's line or for a
  // lease, and no terminal becomes the process's own. A slow file system may
  // still block it.
  absl::StatusOr<OpenedFile> Open(std::string_view path,
                                  const OpenOptions& options) const;

 private:
  explicit RootDirectory(UniqueFd root) : root_(std::move(root)) {}

  UniqueFd root_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_ROOT_DIRECTORY_H_
