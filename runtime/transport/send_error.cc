#include "transport/send_error.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "os/ancillary.h"

namespace fdrpc {
namespace {

// "field a.B.c: ", or empty if the field is not known.
std::string Place(const AttachedFd& fd) {
  const std::string place = fd.place();
  return place.empty() ? place : absl::StrCat(place, ": ");
}

// The field of the only descriptor, or those of several.
std::string Places(absl::Span<const AttachedFd> descriptors) {
  constexpr size_t kMostNamed = 4;
  if (descriptors.size() == 1) return Place(descriptors[0]);
  std::vector<std::string> places;
  for (const AttachedFd& fd : descriptors) {
    if (fd.place().empty()) continue;
    if (places.size() == kMostNamed) {
      places.push_back("others");
      break;
    }
    places.push_back(fd.place());
  }
  return places.empty()
             ? ""
             : absl::StrCat("one of ", absl::StrJoin(places, ", "), ": ");
}

}  // namespace

absl::Status NotOpen(const AttachedFd& fd) {
  return absl::InvalidArgumentError(absl::StrCat(
      Place(fd), "descriptor ", fd.get(),
      " is not open (EBADF): it was closed while the parcel owned it"));
}

absl::Status Refusal(int error, absl::Span<const AttachedFd> descriptors) {
  switch (error) {
    case EBADF:
      for (const AttachedFd& fd : descriptors) {
        if (!IsOpen(fd.get())) return NotOpen(fd);
      }
      return absl::InvalidArgumentError(absl::StrCat(
          Places(descriptors), "a descriptor to send is not open (EBADF)"));
    case ETOOMANYREFS:
      return absl::ResourceExhaustedError(
          "too many descriptors of this user are in flight (ETOOMANYREFS): "
          "the limit is RLIMIT_NOFILE, and receivers must read them");
    case EPERM:
      return absl::InvalidArgumentError(absl::StrCat(
          Places(descriptors),
          "the kernel refuses to send a descriptor (EPERM): the receiver takes "
          "none (SO_PASSRIGHTS), as a server whose methods take none, or a "
          "security module forbids it"));
    case EINVAL:
    case EACCES:
    case EOPNOTSUPP:
      return absl::InvalidArgumentError(absl::StrCat(
          Places(descriptors), "the kernel refuses to send a descriptor: ",
          std::strerror(error), " (errno ", error, ")"));
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
