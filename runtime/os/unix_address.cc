#include "os/unix_address.h"

#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fdrpc {
namespace {

constexpr std::string_view kStreamScheme = "unix:";

}  // namespace

absl::StatusOr<UnixAddress> UnixAddress::Parse(std::string_view text) {
  for (const char* later : {"unix-seqpacket:", "unix-dgram:", "systemd:"}) {
    if (text.starts_with(later)) {
      return absl::UnimplementedError(absl::StrCat(
          "address \"", std::string(text), "\": this version has no ", later,
          " addresses; use unix:"));
    }
  }
  if (!text.starts_with(kStreamScheme)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "address \"", std::string(text),
        "\" has no known form; write unix:/path, unix:relative-path, "
        "unix:@abstract-name or fd:number"));
  }
  std::string_view name = text.substr(kStreamScheme.size());
  const bool abstract = name.starts_with('@');
  if (abstract) name.remove_prefix(1);
  if (name.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("address \"", std::string(text), "\" has no ",
                     abstract ? "name" : "path"));
  }
  if (!abstract && name.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("the path of an address has a NUL byte");
  }

  UnixAddress address;
  // A path needs its terminating NUL to fit, an abstract name the leading one.
  constexpr size_t kMost = sizeof(address.address_.sun_path) - 1;
  if (name.size() > kMost) {
    return absl::InvalidArgumentError(absl::StrCat(
        "address \"", std::string(text), "\" is ", name.size(),
        " bytes long; a Unix socket's ", abstract ? "name" : "path",
        " has at most ", kMost, " (unix(7)): use a shorter or a relative one"));
  }
  address.address_.sun_family = AF_UNIX;
  std::memcpy(address.address_.sun_path + (abstract ? 1 : 0), name.data(),
              name.size());
  address.length_ =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + 1);
  address.text_ = std::string(text);
  return address;
}

}  // namespace fdrpc
