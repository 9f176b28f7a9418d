#include "os/socket_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

constexpr mode_t kPermissions = 0777;

std::string LockOf(const std::string& file) { return file + ".lock"; }

absl::Status AlreadyListens(std::string_view where) {
  return absl::AlreadyExistsError(
      absl::StrCat("a server already listens on ", std::string(where)));
}

absl::Status CheckOptions(const UnixAddress& address,
                          const ListenOptions& options) {
  const bool any = options.mode.has_value() || options.owner.has_value() ||
                   options.group.has_value();
  if (any && address.is_abstract()) {
    return absl::InvalidArgumentError(
        absl::StrCat(address.text(),
                     " has no file whose mode, owner or group could be set"));
  }
  if (options.mode.has_value() && (*options.mode & ~kPermissions) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the mode of ", address.text(),
                     " has bits other than permissions (0777)"));
  }
  return absl::OkStatus();
}

// It is the administrator's choice which users or groups may replace files. A
// directory that everybody may write to is a mistake.
absl::Status CheckDirectory(int directory, const UnixAddress& address) {
  struct stat info;
  if (Syscalls::Get().fstat(directory, &info) < 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("fstat ", address.directory()));
  }
  if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "everybody may replace files in the directory ", address.directory(),
        " of ", address.text(), ", because it has no sticky bit"));
  }
  return absl::OkStatus();
}

std::string PathOf(int descriptor) {
  return absl::StrCat(kDescriptorPaths, descriptor);
}

absl::Status NeedsProc(const std::string& what) {
  return absl::FailedPreconditionError(
      absl::StrCat(what, " through ", kDescriptorPaths,
                   ", which does not exist: /proc is not mounted here"));
}

absl::Status BindTo(int socket, const UnixAddress& address) {
  if (Syscalls::Get().bind(socket, address.socket_address(),
                           address.length()) == 0) {
    return absl::OkStatus();
  }
  if (errno == EADDRINUSE) return AlreadyListens(address.text());
  return absl::ErrnoToStatus(errno, absl::StrCat("bind ", address.text()));
}

}  // namespace

absl::StatusOr<UniqueFd> OpenDirectory(const UnixAddress& address) {
  const std::string directory = address.directory();
  const Syscalls& syscalls = Syscalls::Get();
  UniqueFd fd(syscalls.openat(AT_FDCWD, directory.c_str(),
                              O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  if (fd.ok()) {
    struct stat info;
    // Without this check, bind(2) and connect(2) would return ENOENT, as if the
    // socket file were missing.
    if (address.is_long() &&
        syscalls.fstatat(AT_FDCWD, PathOf(fd.get()).c_str(), &info, 0) < 0 &&
        errno == ENOENT) {
      return NeedsProc(absl::StrCat(
          address.text(),
          " has a path that is longer than an address (unix(7)), and must be "
          "reached"));
    }
    return fd;
  }
  if (errno == ENOENT) {
    return absl::NotFoundError(absl::StrCat("the directory ", directory, " of ",
                                            address.text(), " does not exist"));
  }
  return absl::ErrnoToStatus(
      errno, absl::StrCat("opening the directory ", directory, " of ",
                          address.text()));
}

absl::StatusOr<SocketFile> SocketFile::Bind(int socket,
                                            const UnixAddress& address,
                                            const ListenOptions& options) {
  absl::Status valid = CheckOptions(address, options);
  if (!valid.ok()) return valid;
  if (address.is_abstract()) {
    absl::Status bound = BindTo(socket, address);
    if (!bound.ok()) return bound;
    return SocketFile();
  }

  absl::StatusOr<UniqueFd> directory = OpenDirectory(address);
  if (!directory.ok()) return directory.status();
  absl::Status trusted = CheckDirectory(directory->get(), address);
  if (!trusted.ok()) return trusted;
  SocketFile file(*std::move(directory), address);
  absl::StatusOr<LockFile> lock = LockFile::Acquire(
      file.directory_.get(), LockOf(file.name_), LockOf(file.path_));
  if (!lock.ok()) return lock.status();
  file.lock_.emplace(*std::move(lock));

  const UnixAddress reachable = address.Through(file.directory_.get());
  absl::Status room = file.MakeRoom(reachable);
  if (!room.ok()) return room;
  // bind(2) creates the file with the permissions of the socket's own inode,
  // less those that the umask forbids (unix_bind_bsd in net/unix/af_unix.c).
  if (options.mode.has_value() && Syscalls::Get().fchmod(socket, 0) < 0) {
    return absl::ErrnoToStatus(errno, "fchmod of a socket");
  }
  absl::Status bound = BindTo(socket, reachable);
  if (!bound.ok()) return bound;
  absl::Status known = file.Identify();
  if (!known.ok()) return known;
  absl::Status applied = file.Apply(options);
  if (!applied.ok()) return applied;
  return file;
}

absl::StatusOr<SocketFile> SocketFile::TakeOver(int socket) {
  sockaddr_un bound = {};
  socklen_t length = sizeof(bound);
  if (Syscalls::Get().getsockname(socket, reinterpret_cast<sockaddr*>(&bound),
                                  &length) < 0) {
    return absl::ErrnoToStatus(errno, "getsockname of a listening socket");
  }
  // An abstract name begins with a 0, and the name of an unbound socket is
  // empty.
  const std::string path(bound.sun_path,
                         strnlen(bound.sun_path, sizeof(bound.sun_path)));
  // A path through a descriptor means nothing in another process.
  if (path.empty() || path.starts_with(kDescriptorPaths)) return SocketFile();
  const absl::StatusOr<UnixAddress> address = UnixAddress::FromPath(path);
  if (!address.ok()) return SocketFile();
  absl::StatusOr<UniqueFd> directory = OpenDirectory(*address);
  if (!directory.ok()) return SocketFile();
  SocketFile file(*std::move(directory), *address);
  if (!file.Identify().ok()) return SocketFile();
  absl::StatusOr<LockFile> lock = LockFile::Acquire(
      file.directory_.get(), LockOf(file.name_), LockOf(file.path_));
  if (lock.ok()) file.lock_.emplace(*std::move(lock));
  return file;
}

SocketFile::SocketFile(UniqueFd directory, const UnixAddress& address)
    : directory_(std::move(directory)),
      name_(address.name()),
      path_(address.path()) {}

SocketFile::~SocketFile() {
  if (!directory_.ok() || !bound_) return;
  struct stat info;
  if (Syscalls::Get().fstatat(directory_.get(), name_.c_str(), &info,
                              AT_SYMLINK_NOFOLLOW) == 0 &&
      info.st_dev == device_ && info.st_ino == inode_) {
    Syscalls::Get().unlinkat(directory_.get(), name_.c_str(), 0);
  }
}

void SocketFile::Leave() {
  lock_.reset();
  directory_.Reset();
}

// The caller holds the lock. Servers of other software hold no lock, and are
// detected by connecting to them.
absl::Status SocketFile::MakeRoom(const UnixAddress& reachable) {
  const Syscalls& syscalls = Syscalls::Get();
  struct stat info;
  if (syscalls.fstatat(directory_.get(), name_.c_str(), &info,
                       AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat("fstatat ", path_));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::AlreadyExistsError(
        absl::StrCat(path_, " exists and is not a socket; it is left alone"));
  }
  const UniqueFd probe(
      syscalls.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.ok()) return absl::ErrnoToStatus(errno, "socket");
  const int connected = RetryOnEintr([&] {
    return syscalls.connect(probe.get(), reachable.socket_address(),
                            reachable.length());
  });
  // A socket of another type gives EPROTOTYPE, one with a full queue EAGAIN.
  if (connected == 0 || errno != ECONNREFUSED) return AlreadyListens(path_);
  if (syscalls.unlinkat(directory_.get(), name_.c_str(), 0) < 0 &&
      errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("unlinkat ", path_));
  }
  return absl::OkStatus();
}

absl::Status SocketFile::Identify() {
  struct stat info;
  if (Syscalls::Get().fstatat(directory_.get(), name_.c_str(), &info,
                              AT_SYMLINK_NOFOLLOW) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("fstatat ", path_));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::AlreadyExistsError(
        absl::StrCat(path_, " has been replaced while it was made"));
  }
  bound_ = true;
  device_ = info.st_dev;
  inode_ = info.st_ino;
  return absl::OkStatus();
}

// Through a descriptor, so that only the socket file itself is changed,
// whatever others with write permission put in its place.
absl::Status SocketFile::Apply(const ListenOptions& options) {
  const bool owned = options.owner.has_value() || options.group.has_value();
  if (!owned && !options.mode.has_value()) return absl::OkStatus();
  const Syscalls& syscalls = Syscalls::Get();
  const UniqueFd file(syscalls.openat(directory_.get(), name_.c_str(),
                                      O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
  struct stat info;
  if (!file.ok() || syscalls.fstat(file.get(), &info) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("opening ", path_));
  }
  if (info.st_dev != device_ || info.st_ino != inode_) {
    return absl::AlreadyExistsError(
        absl::StrCat(path_, " has been replaced while it was made"));
  }
  // -1 leaves the id as it is (chown(2)).
  const uid_t owner = options.owner.value_or(static_cast<uid_t>(-1));
  const gid_t group = options.group.value_or(static_cast<gid_t>(-1));
  if (owned &&
      syscalls.fchownat(file.get(), "", owner, group, AT_EMPTY_PATH) < 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("setting the owner or group of ", path_));
  }
  // The mode comes last: until here nobody has any permission. fchmod(2) does
  // not accept an O_PATH descriptor.
  if (options.mode.has_value() &&
      syscalls.chmod(PathOf(file.get()).c_str(), *options.mode) < 0) {
    if (errno == ENOENT) {
      return NeedsProc(absl::StrCat("the mode of ", path_, " is to be set"));
    }
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("setting the mode of ", path_));
  }
  return absl::OkStatus();
}

}  // namespace fdrpc
