#include "services/filebroker/root_directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/filebroker/open_error.h"

namespace fdrpc::filebroker {
namespace {

// openat2(2) fails with EAGAIN if something is renamed, anywhere in the system,
// while it follows a "..". The next attempt usually succeeds.
constexpr int kMostAttempts = 100;

// Returns a descriptor, or -1 with errno set.
int OpenBeneath(int root, const char* path, uint64_t flags,
                mode_t permissions) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  // Must be 0 if nothing can be created.
  how.mode = (flags & O_CREAT) != 0 ? permissions : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    do {
      // glibc 2.36 has no function for it.
      fd =
          static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof(how)));
    } while (fd < 0 && errno == EINTR);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return fd;
}

absl::Status CheckPath(std::string_view path) {
  if (path.empty()) return absl::InvalidArgumentError("the path is empty");
  if (path.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(path), ": a path has no NUL byte"));
  }
  if (path.front() == '/') {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(path),
                     ": is absolute; paths are relative to the broker's root"));
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const OpenOptions& options) {
  if (!options.read && !options.write) {
    return absl::InvalidArgumentError(
        "the request asks for neither reading nor writing");
  }
  if (!options.write && (options.creation != OpenOptions::Creation::kNone ||
                         options.truncate || options.append)) {
    return absl::InvalidArgumentError(
        "creation, truncate and append need write access");
  }
  // No set-user-ID bit: a client must not create programs that run as the
  // broker's user.
  if ((options.permissions & ~mode_t{0777}) != 0) {
    return absl::InvalidArgumentError("permissions go up to 0777");
  }
  return absl::OkStatus();
}

uint64_t FlagsFor(const OpenOptions& options) {
  uint64_t flags = !options.write ? O_RDONLY : options.read ? O_RDWR : O_WRONLY;
  switch (options.creation) {
    case OpenOptions::Creation::kNone:
      break;
    case OpenOptions::Creation::kIfMissing:
      flags |= O_CREAT;
      break;
    case OpenOptions::Creation::kExclusive:
      flags |= O_CREAT | O_EXCL;
      break;
  }
  if (options.truncate) flags |= O_TRUNC;
  if (options.append) flags |= O_APPEND;
  // O_NONBLOCK so that opening does not wait; it is cleared afterwards.
  return flags | O_NONBLOCK | O_NOCTTY | O_LARGEFILE;
}

}  // namespace

absl::StatusOr<RootDirectory> RootDirectory::Create(const std::string& path) {
  UniqueFd root(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) return absl::ErrnoToStatus(errno, path);
  // Fails here rather than in every call if the kernel, or a sandbox around the
  // broker, does not allow openat2(2).
  UniqueFd probe(OpenBeneath(root.get(), ".", O_PATH, 0));
  if (!probe.ok()) {
    if (errno == ENOSYS) return OpenError(errno, path);
    return absl::ErrnoToStatus(errno, absl::StrCat("openat2 beneath ", path));
  }
  return RootDirectory(std::move(root));
}

absl::StatusOr<OpenedFile> RootDirectory::Open(
    std::string_view path, const OpenOptions& options) const {
  if (absl::Status valid = CheckPath(path); !valid.ok()) return valid;
  if (absl::Status valid = CheckOptions(options); !valid.ok()) return valid;

  OpenedFile file;
  file.fd = UniqueFd(OpenBeneath(root_.get(), std::string(path).c_str(),
                                 FlagsFor(options), options.permissions));
  if (!file.fd.ok()) return OpenError(errno, path);
  if (fstat(file.fd.get(), &file.info) < 0) return OpenError(errno, path);
  // Opening a directory for reading would succeed, but openat(2) with its
  // descriptor and ".." would lead out of the root.
  if (S_ISDIR(file.info.st_mode)) return OpenError(EISDIR, path);

  const int flags = fcntl(file.fd.get(), F_GETFL);
  if (flags < 0 || fcntl(file.fd.get(), F_SETFL, flags & ~O_NONBLOCK) < 0) {
    return OpenError(errno, path);
  }
  return file;
}

}  // namespace fdrpc::filebroker
