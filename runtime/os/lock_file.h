#ifndef FDRPC_OS_LOCK_FILE_H_
#define FDRPC_OS_LOCK_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// A locked file (flock(2)) that belongs to the process's own user. One process
// can hold the lock at a time. The destructor removes the file. The file of a
// killed process stays, unlocked, and the next process takes it over.
class LockFile {
 public:
  // Locks the file `name` in `directory`, which is borrowed while the lock is
  // held; messages call it `path`. Does not wait. ALREADY_EXISTS if another
  // process holds the lock, or the path is not a regular file;
  // PERMISSION_DENIED if it cannot be opened, or belongs to another user, who
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
