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

// Opens the directory of the file at `address`, to reach the file through it.
// NOT_FOUND, naming the directory, if it does not exist; FAILED_PRECONDITION if
// the address is long and /proc, through which a long one is reached, is
// missing.
absl::StatusOr<UniqueFd> OpenDirectory(const UnixAddress& address);

// The file of a bound socket, if it has one, and the lock file `name`.lock
// beside it, which keeps servers from replacing each other's sockets. Owns both
// files: the destructor removes them, the socket file only if no other file has
// taken its place. Destroy it before the socket: until then the open socket
// shows that the file is not stale.
class SocketFile {
 public:
  // Binds `socket`, of any type, to `address`, and replaces a file that no
  // socket is bound to any more. The socket must not listen yet, so that nobody
  // can connect before the options are applied. Nor can anybody send to a
  // datagram socket before that if there is a mode: the file has no permissions
  // until then.
  //
  // ALREADY_EXISTS if a server runs there, or the path is not a socket;
  // PERMISSION_DENIED if the user may not set the owner or group, and as for
  // LockFile; FAILED_PRECONDITION if everybody may replace files in the
  // directory; INVALID_ARGUMENT for bits that are not permissions, and for
  // options with an abstract name.
  static absl::StatusOr<SocketFile> Bind(int socket, const UnixAddress& address,
                                         const ListenOptions& options);

  // Takes over the file to which another process bound `socket`, and the lock
  // if nobody holds it. (A server that starts meanwhile finds that the socket
  // is in use.) If the file cannot be found, because it was removed or its path
  // was too long (UnixAddress::is_long), the result owns no file.
  static absl::StatusOr<SocketFile> TakeOver(int socket);

  // Owns no file.
  SocketFile() = default;
  SocketFile(SocketFile&&) = default;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

  // Leaves the socket file to a successor, and releases the lock.
  void Leave();

  // The open descriptors of the directory and the lock, or -1.
  int directory_fd() const { return directory_.get(); }
  int lock_fd() const { return lock_.has_value() ? lock_->fd() : -1; }

 private:
  SocketFile(UniqueFd directory, const UnixAddress& address);

  absl::Status MakeRoom(const UnixAddress& reachable);
  // Records the identity of the file.
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
