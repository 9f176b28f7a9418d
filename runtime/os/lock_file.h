#ifndef FDRPC_OS_LOCK_FILE_H_
#define FDRPC_OS_LOCK_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// A locked file (flock(2)) of the process's own user, which one process holds
// at a time. It is removed when it is let go of; that of a process that was
// killed stays, unlocked, for whoever is next.
class LockFile {
 public:
  // Locks the file `name` of `directory`, which is borrowed for as long as the
  // lock is held; messages call it `path`. Does not wait. ALREADY_EXISTS if
  // another process holds it, or it is something else than a file;
  // PERMISSION_DENIED if it cannot be opened or belongs to another user, who
  // could keep it locked for ever.
  static absl::StatusOr<LockFile> Acquire(int directory, std::string name,
                                          std::string_view path);

  LockFile(LockFile&&) = default;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

  int fd() const { return fd_.get(); }

 private:
  LockFile(UniqueFd fd, int directory, std::string name);

  UniqueFd fd_;
  int directory_;
  std::string name_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_LOCK_FILE_H_
