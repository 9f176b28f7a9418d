#include "os/inherited_socket.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

absl::StatusOr<int> IntegerOption(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  if (Syscalls::Get().getsockopt(fd, SOL_SOCKET, option, &value, &length) ==
      0) {
    return value;
  }
  switch (errno) {
    case EBADF:
      return absl::InvalidArgumentError(
          absl::StrCat("descriptor ", fd, " is not open"));
    case ENOTSOCK:
      return absl::InvalidArgumentError(
          absl::StrCat("descriptor ", fd, " is not a socket"));
    default:
      return absl::ErrnoToStatus(errno, absl::StrCat("getsockopt of ", fd));
  }
}

// The sockets of other origin that this process uses, known by their inodes.
// Users need not remove an entry: once a socket is closed, its number leads to
// nothing or to another file.
class UsedSockets {
 public:
  // False if the socket with that number was taken before.
  bool TakeNumber(int number) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    const ino_t inode = InodeOf(number);
    const auto [it, is_new] = taken_.try_emplace(number, inode);
    return is_new || std::exchange(it->second, inode) != inode;
  }
  void GiveBack(int number) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    taken_.erase(number);
    const auto end = ends_.find(number);
    if (end == ends_.end()) return;
    numbers_.erase(end->second);
    ends_.erase(end);
  }
  // Records that `fd` is read from now on. If a duplicate of it is already
  // read, returns the number of that one, else -1.
  int Use(int fd) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    const ino_t inode = InodeOf(fd);
    if (const auto used = numbers_.find(inode); used != numbers_.end()) {
      if (used->second != fd && InodeOf(used->second) == inode) {
        return used->second;
      }
      ends_.erase(used->second);
    }
    if (const auto former = ends_.find(fd); former != ends_.end()) {
      numbers_.erase(former->second);
    }
    ends_[fd] = inode;
    numbers_[inode] = fd;
    return -1;
  }

 private:
  // The inode number, which identifies a socket for ever; 0 if `fd` is not
  // open.
  static ino_t InodeOf(int fd) {
    struct stat info;
    return Syscalls::Get().fstat(fd, &info) == 0 ? info.st_ino : 0;
  }

  Mutex mu_;
  // By descriptor number, so there are never more entries than descriptors.
  std::map<int, ino_t> taken_ ABSL_GUARDED_BY(mu_);
  std::map<int, ino_t> ends_ ABSL_GUARDED_BY(mu_);
  std::map<ino_t, int> numbers_ ABSL_GUARDED_BY(mu_);  // the inverse of ends_
};

UsedSockets& Used() {
  // Never destroyed: static objects may use it after main().
  static UsedSockets& used = *new UsedSockets;
  return used;
}

// Whether a socket of that kind can be used, by a server or a channel.
absl::Status CheckDomain(int fd, const SocketKind& kind) {
  if (kind.domain != AF_UNIX) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", fd, " is not a socket of the Unix domain"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SocketKind> GetSocketKind(int fd) {
  SocketKind kind;
  int listens = 0;
  for (const auto& [option, value] :
       {std::pair{SO_DOMAIN, &kind.domain}, std::pair{SO_TYPE, &kind.type},
        std::pair{SO_ACCEPTCONN, &listens}}) {
    absl::StatusOr<int> got = IntegerOption(fd, option);
    if (!got.ok()) return got.status();
    *value = *got;
  }
  kind.listens = listens != 0;
  sockaddr_un name = {};
  socklen_t length = sizeof(name);
  kind.connected = Syscalls::Get().getpeername(
                       fd, reinterpret_cast<sockaddr*>(&name), &length) == 0;
  // The name of an unbound socket has only the address family (unix(7)).
  length = sizeof(name);
  if (kind.type == SOCK_DGRAM && !kind.connected) {
    if (Syscalls::Get().getsockname(fd, reinterpret_cast<sockaddr*>(&name),
                                    &length) < 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("getsockname of ", fd));
    }
    kind.listens = length > offsetof(sockaddr_un, sun_path);
  }
  return kind;
}

absl::StatusOr<InheritedSocket> InspectSocket(UniqueFd fd) {
  absl::StatusOr<SocketKind> kind = GetSocketKind(fd.get());
  if (!kind.ok()) return kind.status();
  return InheritedSocket{std::move(fd), *kind};
}

absl::StatusOr<InheritedSocket> TakeInheritedSocket(int number) {
  absl::StatusOr<SocketKind> kind = GetSocketKind(number);
  if (!kind.ok()) return kind.status();
  absl::Status ours = CheckDomain(number, *kind);
  if (!ours.ok()) return ours;
  if (!kind->listens && !kind->connected) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", number,
                     " is a socket that neither listens nor is connected"));
  }
  if (!Used().TakeNumber(number)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "descriptor ", number, " (fd:", number,
        ") is already in use by a server or channel of this process"));
  }
  return InheritedSocket{UniqueFd(number), *kind};
}

void GiveBack(InheritedSocket socket) { Used().GiveBack(socket.fd.Release()); }

absl::Status CheckListens(const InheritedSocket& socket) {
  absl::Status ours = CheckDomain(socket.fd.get(), socket.kind);
  if (!ours.ok()) return ours;
  if (socket.kind.listens) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "descriptor ", socket.fd.get(), " is a socket that does not listen"));
}

absl::Status PrepareConnectedSocket(const InheritedSocket& socket) {
  absl::Status ours = CheckDomain(socket.fd.get(), socket.kind);
  if (!ours.ok()) return ours;
  if (!socket.kind.connected) {
    return absl::InvalidArgumentError(absl::StrCat(
        "descriptor ", socket.fd.get(), " is a socket that is not connected"));
  }
  if (const int other = Used().Use(socket.fd.get()); other >= 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "descriptor ", socket.fd.get(), " is a duplicate of descriptor ", other,
        ", which a server or channel of this process already uses; give one "
        "socket of a pair to the server, and the other to the channel"));
  }
  return PrepareToPoll(socket.fd.get());
}

absl::Status PrepareToPoll(int socket) {
  // The status flags are shared with other holders of the socket, if there are
  // any.
  if (Syscalls::Get().set_nonblocking(socket) < 0 ||
      Syscalls::Get().set_close_on_exec(socket) < 0) {
    return absl::ErrnoToStatus(errno, "fcntl of an inherited socket");
  }
  return absl::OkStatus();
}

}  // namespace fdrpc
