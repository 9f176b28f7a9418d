#include "services/filebroker/root_directory.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/filebroker/open_beneath.h"
#include "services/filebroker/open_error.h"

namespace fdrpc::filebroker {
namespace {

absl::Status CheckPath(std::string_view path) {
  if (path.empty()) return absl::InvalidArgumentError("the path is empty");
  if (path.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(path), ": a path has no NUL byte"));
  }
  if (path.front() == '/') {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(path),
                     ": is absolute; paths are relative to the broker's root "
                     "or to a directory"));
  }
  return absl::OkStatus();
}

// No set-user-ID bit: a client must not create programs that run as the
// broker's user.
absl::Status CheckPermissions(mode_t permissions) {
  if ((permissions & ~mode_t{0777}) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError("permissions go up to 0777");
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
  return CheckPermissions(options.permissions);
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

absl::Status NotADirectory(std::string_view path) {
  return absl::FailedPreconditionError(
      absl::StrCat(Quoted(path), ": is not a directory"));
}

// A name, and the directory that has it: for the system calls that change
// names. They do not follow the name itself, and it is no path that leads on.
struct NameIn {
  UniqueFd parent;
  std::string name;
};

absl::StatusOr<NameIn> ResolveParent(int root, std::string_view path) {
  if (absl::Status valid = CheckPath(path); !valid.ok()) return valid;
  const size_t slash = path.rfind('/');
  const bool is_nested = slash != std::string_view::npos;
  NameIn place;
  place.name = path.substr(is_nested ? slash + 1 : 0);
  if (place.name.empty() || place.name == "." || place.name == "..") {
    return absl::InvalidArgumentError(absl::StrCat(
        Quoted(path),
        ": must end with a name, not with a slash, \".\" or \"..\""));
  }
  const std::string parent(is_nested ? path.substr(0, slash) : ".");
  place.parent =
      UniqueFd(OpenBeneath(root, parent.c_str(), O_PATH | O_DIRECTORY));
  if (!place.parent.ok()) return OpenError(errno, path);
  return place;
}

absl::Status RenameError(int error, std::string_view from,
                         std::string_view to) {
  switch (error) {
    // Here it is no path that leaves the root.
    case EXDEV:
      return absl::FailedPreconditionError(
          absl::StrCat(Quoted(from), ": is on another file system than ",
                       Quoted(to), ", or in another project"));
    case EINVAL:
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(from), ": cannot become ", Quoted(to),
                       ": a directory does not move into itself, or the file "
                       "system refuses the name or no_replace"));
    case ENOENT:
      return OpenError(error, from);
    case EISDIR:
      return absl::FailedPreconditionError(absl::StrCat(
          Quoted(to), ": is a directory, and ", Quoted(from), " is not"));
    case ENOTDIR:
      return absl::FailedPreconditionError(absl::StrCat(
          Quoted(to), ": is not a directory, and ", Quoted(from), " is"));
    default:
      return OpenError(error, to);
  }
}

}  // namespace

absl::StatusOr<RootDirectory> RootDirectory::Create(const std::string& path) {
  UniqueFd root(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.ok()) return absl::ErrnoToStatus(errno, path);
  // Fails here rather than in every call if the kernel, or a sandbox around the
  // broker, does not allow openat2(2).
  UniqueFd probe(OpenBeneath(root.get(), ".", O_PATH));
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

absl::StatusOr<RootDirectory> RootDirectory::OpenDirectory(
    std::string_view path) const {
  absl::StatusOr<UniqueFd> directory = OpenAt(path, O_PATH);
  if (!directory.ok()) return directory.status();
  return RootDirectory(*std::move(directory));
}

absl::StatusOr<UniqueFd> RootDirectory::OpenForListing(
    std::string_view path) const {
  return OpenAt(path, O_RDONLY | O_NONBLOCK);
}

absl::StatusOr<UniqueFd> RootDirectory::OpenForWatching(
    std::string_view path) const {
  return OpenAt(path, O_PATH);
}

absl::StatusOr<UniqueFd> RootDirectory::OpenAt(std::string_view path,
                                               uint64_t flags) const {
  if (absl::Status valid = CheckPath(path); !valid.ok()) return valid;
  UniqueFd directory(
      OpenBeneath(root_.get(), std::string(path).c_str(), flags | O_DIRECTORY));
  if (directory.ok()) return directory;
  if (errno == ENOTDIR) return NotADirectory(path);
  return OpenError(errno, path);
}

absl::Status RootDirectory::Rename(std::string_view from, std::string_view to,
                                   Existing existing) const {
  const absl::StatusOr<NameIn> source = ResolveParent(root_.get(), from);
  if (!source.ok()) return source.status();
  const absl::StatusOr<NameIn> target = ResolveParent(root_.get(), to);
  if (!target.ok()) return target.status();
  const unsigned flags =
      existing == Existing::kIsReplaced ? 0 : RENAME_NOREPLACE;
  if (renameat2(source->parent.get(), source->name.c_str(),
                target->parent.get(), target->name.c_str(), flags) < 0) {
    return RenameError(errno, from, to);
  }
  return absl::OkStatus();
}

absl::Status RootDirectory::Unlink(std::string_view path) const {
  const absl::StatusOr<NameIn> place = ResolveParent(root_.get(), path);
  if (!place.ok()) return place.status();
  if (unlinkat(place->parent.get(), place->name.c_str(), 0) < 0) {
    return OpenError(errno, path);
  }
  return absl::OkStatus();
}

absl::Status RootDirectory::UnlinkDirectory(std::string_view path) const {
  const absl::StatusOr<NameIn> place = ResolveParent(root_.get(), path);
  if (!place.ok()) return place.status();
  if (unlinkat(place->parent.get(), place->name.c_str(), AT_REMOVEDIR) == 0) {
    return absl::OkStatus();
  }
  if (errno == ENOTDIR) return NotADirectory(path);
  // POSIX lets a file system say either.
  return OpenError(errno == EEXIST ? ENOTEMPTY : errno, path);
}

absl::Status RootDirectory::MakeDirectory(std::string_view path,
                                          mode_t permissions) const {
  if (absl::Status valid = CheckPermissions(permissions); !valid.ok()) {
    return valid;
  }
  const absl::StatusOr<NameIn> place = ResolveParent(root_.get(), path);
  if (!place.ok()) return place.status();
  if (mkdirat(place->parent.get(), place->name.c_str(), permissions) < 0) {
    return OpenError(errno, path);
  }
  return absl::OkStatus();
}

}  // namespace fdrpc::filebroker
