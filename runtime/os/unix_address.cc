#include "os/unix_address.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fdrpc {
namespace {

struct Scheme {
  std::string_view prefix;
  int type;
};
constexpr Scheme kSchemes[] = {{"unix:", SOCK_STREAM},
                               {"unix-seqpacket:", SOCK_SEQPACKET},
                               {"unix-dgram:", SOCK_DGRAM}};

// A path needs its terminating NUL to fit, an abstract name its leading one.
constexpr size_t kMost = sizeof(sockaddr_un::sun_path) - 1;
// The longest name of a file that can be reached through its directory: in
// front of it stand kDescriptorPaths, a descriptor number and a slash.
constexpr size_t kMostOfName = kMost - (sizeof(kDescriptorPaths) - 1) - 10 - 1;

absl::Status Wrong(const std::string& text, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("address \"", text, "\" ", why));
}

}  // namespace

absl::StatusOr<UnixAddress> UnixAddress::Parse(std::string_view text) {
  UnixAddress address(text);
  const auto* scheme = std::find_if(
      std::begin(kSchemes), std::end(kSchemes),
      [&](const Scheme& each) { return text.starts_with(each.prefix); });
  if (scheme == std::end(kSchemes)) {
    return Wrong(address.text_,
                 "has no known form; write unix:/path, unix:relative-path, "
                 "unix:@abstract-name, the same with unix-seqpacket: or "
                 "unix-dgram:, fd:number or, for a server, systemd:name");
  }
  address.type_ = scheme->type;
  const std::string_view name = text.substr(scheme->prefix.size());
  absl::Status set = name.starts_with('@')
                         ? address.SetAbstractName(name.substr(1))
                         : address.SetPath(name);
  if (!set.ok()) return set;
  return address;
}

absl::StatusOr<UnixAddress> UnixAddress::FromPath(std::string_view path) {
  UnixAddress address(path);
  absl::Status set = address.SetPath(path);
  if (!set.ok()) return set;
  return address;
}

absl::Status UnixAddress::SetPath(std::string_view path) {
  if (path.empty()) return Wrong(text_, "has no path");
  if (path.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("the path of an address has a NUL byte");
  }
  if (path.ends_with('/'))
    return Wrong(text_, "ends with a slash, as a directory does");
  path_ = path;
  if (path.size() <= kMost) {
    SetSocketAddress(path);
    return absl::OkStatus();
  }
  if (name().size() > kMostOfName) {
    return Wrong(text_,
                 absl::StrCat("is ", path.size(),
                              " bytes long, and the name of the file alone ",
                              name().size(), "; paths of more than ", kMost,
                              " bytes (unix(7)) work if that has at most ",
                              kMostOfName));
  }
  return absl::OkStatus();
}

absl::Status UnixAddress::SetAbstractName(std::string_view name) {
  if (name.empty()) return Wrong(text_, "has no name");
  if (name.size() > kMost) {
    return Wrong(
        text_, absl::StrCat("is ", name.size(),
                            " bytes long; an abstract name has at most ", kMost,
                            " (unix(7))"));
  }
  SetSocketAddress(std::string(1, '\0').append(name));
  return absl::OkStatus();
}

void UnixAddress::SetSocketAddress(std::string_view name) {
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, name.data(), name.size());
  // A path is followed by a NUL; a NUL would lengthen an abstract name.
  const size_t end = name.starts_with('\0') ? 0 : 1;
  length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                   name.size() + end);
}

UnixAddress UnixAddress::Through(int directory) const {
  UnixAddress reachable = *this;
  if (is_long()) {
    reachable.SetSocketAddress(
        absl::StrCat(kDescriptorPaths, directory, "/", name()));
  }
  return reachable;
}

std::string UnixAddress::directory() const {
  assert(!is_abstract());
  const size_t slash = path_.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path_.substr(0, slash);
}

std::string UnixAddress::name() const {
  assert(!is_abstract());
  return path_.substr(path_.rfind('/') + 1);  // npos + 1 is 0
}

}  // namespace fdrpc
