#ifndef FDRPC_OS_SOCKET_FILE_H_
#define FDRPC_OS_SOCKET_FILE_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "fdrpc/listen_options.h"
#include "fdrpc/unique_fd.h"
#include "os/lock_file.h"
#include "os/unix_address.h"

namespace fdrpc {

// The directory of the file at `address`, opened to reach it from there.
// NOT_FOUND, naming the directory, if there is none; FAILED_PRECONDITION if the
// address is long and nothing can be reached by way of a descriptor.
absl::StatusOr<UniqueFd> OpenDirectory(const UnixAddress& address);

// The file of a bound socket, if it has one, and the lock file `name`.lock
// beside it, by which servers keep off each other's sockets. Owns both: they
// are removed with it, the socket file unless another has taken its place. To
// be destroyed before the socket, which until then keeps others from taking the
// file for a stale one.
class SocketFile {
 public:
  // Binds `socket`, of any type, to `address`, in place of a file that no
  // socket is bound to any more. It must not listen yet, so that nobody
  // connects before the options are applied. Nor does anybody send to a
  // datagram socket before, if there is a mode: until then the file has no
  // permissions.
  //
  // ALREADY_EXISTS if a server lives there or the path is something other than
  // a socket; PERMISSION_DENIED if the user may not have the owner or group, or
  // as LockFile; FAILED_PRECONDITION if everybody may replace files of the
  // directory; INVALID_ARGUMENT for bits that are no permissions, and for
  // options with an abstract name.
  static absl::StatusOr<SocketFile> Bind(int socket, const UnixAddress& address,
                                         const ListenOptions& options);

  // Takes over the file that `socket` was bound to by another process or a
  // parent, and the lock if nobody has it: if others start a server meanwhile,
  // they find that the socket lives. A socket whose file cannot be found,
  // because it is gone, or was too long a path (UnixAddress::is_long), is as
  // one without.
  static absl::StatusOr<SocketFile> TakeOver(int socket);

  // No file.
  SocketFile() = default;
  SocketFile(SocketFile&&) = default;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

  // Leaves the socket file to a successor, and lets go of the lock.
  void Leave();

  // Those that it has open, or -1: the directory, the lock.
  int directory_fd() const { return directory_.get(); }
  int lock_fd() const { return lock_.has_value() ? lock_->fd() : -1; }

 private:
  SocketFile(UniqueFd directory, const UnixAddress& address);

  absl::Status MakeRoom(const UnixAddress& reachable);
  // Remembers which file it is.
  absl::Status Identify();
  absl::Status Apply(const ListenOptions& options);

  UniqueFd directory_;
  std::string name_;
  std::string path_;    // for messages
  bool bound_ = false;  // the next two are known
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::optional<LockFile> lock_;  // borrows directory_
};

}  // namespace fdrpc

#endif  // FDRPC_OS_SOCKET_FILE_H_
