#include "os/connect_failure.h"

#include <cerrno>
#include <climits>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// The first component of a path that stat(2) fails for, or the last one, with
// its directory.
struct Component {
  std::string path;
  int error = 0;
  struct stat info = {};  // if error is 0
  std::string directory;
  struct stat directory_info = {};
};

Component Walk(const std::string& path) {
  const Syscalls& syscalls = Syscalls::Get();
  Component at;
  at.directory.assign(1, path.starts_with('/') ? '/' : '.');
  at.error = syscalls.fstatat(AT_FDCWD, at.directory.c_str(), &at.info, 0) < 0
                 ? errno
                 : 0;
  at.path = at.directory;
  for (size_t end = 0; at.error == 0 && end != std::string::npos;) {
    end = path.find('/', end + 1);
    at.directory = at.path;
    at.directory_info = at.info;
    at.path = path.substr(0, end);
    if (syscalls.fstatat(AT_FDCWD, at.path.c_str(), &at.info, 0) < 0) {
      at.error = errno;
    }
  }
  return at;
}

// Where a relative path starts.
std::string WorkingDirectoryOf(const UnixAddress& address) {
  if (address.path()[0] == '/') return "";
  char directory[PATH_MAX];
  if (::getcwd(directory, sizeof(directory)) == nullptr) return "";
  return absl::StrCat(" (the working directory is ", directory, ")");
}

std::string Owner(const struct stat& info) {
  return absl::StrFormat("mode %04o, user %d, group %d", info.st_mode & 07777,
                         info.st_uid, info.st_gid);
}

std::string WhatIsMissing(const UnixAddress& address) {
  if (address.is_abstract()) {
    return "no socket of this network namespace has that name";
  }
  const Component at = Walk(address.path());
  switch (at.error) {
    case ENOENT:
      return absl::StrCat(at.path, " does not exist",
                          WorkingDirectoryOf(address));
    case 0:
      break;
    default:
      return absl::StrCat(at.path, ": ",
                          std::generic_category().message(at.error),
                          WorkingDirectoryOf(address));
  }
  if (!S_ISSOCK(at.info.st_mode)) {
    return absl::StrCat(at.path, " is not a socket",
                        WorkingDirectoryOf(address));
  }
  return absl::StrCat("no server has the socket ", at.path, " open",
                      WorkingDirectoryOf(address));
}

std::string WhatIsForbidden(const UnixAddress& address) {
  const uid_t user = ::geteuid();
  if (address.is_abstract())
    return absl::StrCat("user ", user, " may not connect");
  const Component at = Walk(address.path());
  if (at.error == EACCES) {
    return absl::StrCat("user ", user, " may not search the directory ",
                        at.directory, " (", Owner(at.directory_info), ")",
                        WorkingDirectoryOf(address));
  }
  if (at.error != 0) {
    return absl::StrCat("user ", user, " may not connect");
  }
  return absl::StrCat("user ", user, " may not write to the socket ", at.path,
                      " (", Owner(at.info), ")", WorkingDirectoryOf(address));
}

}  // namespace

absl::Status ConnectFailure(const UnixAddress& address, int error) {
  const std::string to = absl::StrCat("connect ", address.text());
  switch (error) {
    case ENOENT:
    case ECONNREFUSED:
      return absl::UnavailableError(
          absl::StrCat("nobody listens on ", address.text(),
                       error == ENOENT ? " (ENOENT)" : " (ECONNREFUSED)"));
    case EACCES:
    case EPERM:
      return absl::ErrnoToStatus(
          error, absl::StrCat(to, ": ", WhatIsForbidden(address)));
    case ENOTDIR:
      return absl::ErrnoToStatus(
          error,
          absl::StrCat(to, ": ", Walk(address.path()).directory,
                       " is not a directory", WorkingDirectoryOf(address)));
    case EPROTOTYPE:
      return absl::FailedPreconditionError(
          absl::StrCat("the server at ", address.text(),
                       " has a socket of another type (EPROTOTYPE): use the "
                       "scheme that the server uses"));
    default:
      return absl::ErrnoToStatus(error, to);
  }
}

absl::Status ExplainNoListener(const UnixAddress& address,
                               const absl::Status& failure) {
  return absl::UnavailableError(absl::StrCat(std::string(failure.message()),
                                             ": ", WhatIsMissing(address)));
}

}  // namespace fdrpc
