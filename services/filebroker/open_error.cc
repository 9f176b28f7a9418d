#include "services/filebroker/open_error.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::filebroker {
namespace {

struct Meaning {
  absl::StatusCode code;
  const char* message;  // null: the text of strerror(3)
};

Meaning MeaningOf(int error) {
  using Code = absl::StatusCode;
  switch (error) {
    case ENOENT:
      return {Code::kNotFound, "no such file or directory"};
    case EEXIST:
      return {Code::kAlreadyExists, "already exists"};

    // For a path that leaves the root, the message does not tell whether the
    // file exists; the kernel does not look.
    case EXDEV:
      return {Code::kPermissionDenied,
              "leaves the broker's root, or the directory that was given"};
    case EACCES:
    case EPERM:
      return {Code::kPermissionDenied,
              "the broker itself has no permission for that"};

    case EINVAL:
      return {Code::kInvalidArgument, "the file system refuses the name"};
    case ENAMETOOLONG:
      return {Code::kInvalidArgument, "the name is too long"};

    case ELOOP:
      return {Code::kFailedPrecondition,
              "too many symbolic links, or one that the kernel makes up, such "
              "as those in /proc"};
    case ENOTDIR:
      return {Code::kFailedPrecondition,
              "something on the way to it is not a directory"};
    case EISDIR:
      return {Code::kFailedPrecondition, "is a directory"};
    case ENOTEMPTY:
      return {Code::kFailedPrecondition, "the directory is not empty"};
    case EROFS:
      return {Code::kFailedPrecondition, "the file system is read-only"};
    case ETXTBSY:
      return {Code::kFailedPrecondition, "is a program that runs"};
    case ENXIO:
      return {Code::kFailedPrecondition,
              "is a socket, a FIFO that nobody reads, or a device that is not "
              "there"};
    case EBUSY:
    case ENODEV:
      return {Code::kFailedPrecondition, nullptr};

    case EMFILE:
    case ENFILE:
      return {Code::kResourceExhausted, "the broker has no descriptor left"};
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMLINK:
      return {Code::kResourceExhausted, nullptr};

    case EAGAIN:
      return {Code::kUnavailable,
              "something on the way to it keeps being renamed, or another "
              "process holds a lease on it; try again"};
    case ESTALE:
      return {Code::kUnavailable, nullptr};

    case EFBIG:
    case EOVERFLOW:
      return {Code::kOutOfRange, nullptr};
    case ENOSYS:
      return {Code::kUnimplemented,
              "the kernel lacks openat2(2): Linux 5.6 or later is needed"};
    case EIO:
      return {Code::kInternal, nullptr};
    default:
      return {Code::kUnknown, nullptr};
  }
}

std::string ErrorText(int error) {
  char buffer[128];
  // The GNU form, which returns the text.
  return strerror_r(error, buffer, sizeof(buffer));
}

}  // namespace

absl::Status OpenError(int error, std::string_view path) {
  const Meaning meaning = MeaningOf(error);
  return absl::Status(
      meaning.code,
      absl::StrCat(Quoted(path), ": ",
                   meaning.message != nullptr ? std::string(meaning.message)
                                              : ErrorText(error)));
}

std::string Quoted(std::string_view path) {
  return absl::StrCat("\"", absl::CHexEscape(std::string(path)), "\"");
}

}  // namespace fdrpc::filebroker
