#include "transport/send_error.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace fdrpc {

absl::Status Refusal(int error) {
  switch (error) {
    case EBADF:
      return absl::InvalidArgumentError(
          "a descriptor to send is not open (EBADF)");
    case ETOOMANYREFS:
      return absl::ResourceExhaustedError(
          "too many descriptors of this user are in flight (ETOOMANYREFS): "
          "the limit is RLIMIT_NOFILE, and receivers must read them");
    case EINVAL:
    case EPERM:
    case EACCES:
    case EOPNOTSUPP:
      return absl::InvalidArgumentError(absl::StrCat(
          "the kernel refuses to send a descriptor: errno ", error));
    default:
      return absl::ResourceExhaustedError(absl::StrCat(
          "the kernel has no memory to send the message: errno ", error));
  }
}

bool ConcernsFrameOnly(int error, bool has_descriptors) {
  switch (error) {
    case EBADF:
    case ETOOMANYREFS:
    case EINVAL:
    case EPERM:
    case EACCES:
    case EOPNOTSUPP:
      return has_descriptors;
    case ENOMEM:
    case ENOBUFS:
      return true;
    default:
      return false;
  }
}

}  // namespace fdrpc
