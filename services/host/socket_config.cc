// The part of a service's configuration that is about its sockets.
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/host/service_config.h"
#include "services/process/user_database.h"

namespace fdrpc::host {
namespace {

constexpr mode_t kUsualMode = 0600;
// Without the NUL byte after a path and before an abstract name (unix(7)).
constexpr size_t kMostOfName = sizeof(sockaddr_un::sun_path) - 1;
// Of FDNAME in sd_pid_notify_with_fds(3).
constexpr size_t kMostOfSocketName = 255;

struct Scheme {
  std::string_view prefix;
  int type;
};
constexpr Scheme kSchemes[] = {{"unix:", SOCK_STREAM},
                               {"unix-seqpacket:", SOCK_SEQPACKET},
                               {"unix-dgram:", SOCK_DGRAM}};

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char each) {
    return absl::ascii_isprint(static_cast<unsigned char>(each));
  });
}

// Empty if a socket can be made there.
std::string WhyNoPlace(const std::string& path) {
  if (!path.starts_with('/')) return "its path is not absolute";
  if (path.ends_with('/')) return "it ends with a slash, as a directory does";
  const std::string directory =
      path.substr(0, std::max<size_t>(path.rfind('/'), 1));
  struct stat file;
  if (stat(directory.c_str(), &file) < 0) {
    return absl::StrCat("its directory: ", std::strerror(errno));
  }
  if (!S_ISDIR(file.st_mode)) {
    return absl::StrCat(directory, " is not a directory");
  }
  return "";
}

// Empty, and the address is in `socket`, unless it is wrong.
std::string ParseAddress(HostedSocket& socket) {
  const std::string& address = socket.address;
  const auto* scheme = std::find_if(
      std::begin(kSchemes), std::end(kSchemes),
      [&](const Scheme& each) { return address.starts_with(each.prefix); });
  if (scheme == std::end(kSchemes)) {
    return "it is not like unix:/path, unix-seqpacket:/path, unix-dgram:/path, "
           "or these with @abstract-name";
  }
  if (!IsPrintable(address)) return "it is not printable ASCII";
  socket.type = scheme->type;
  const std::string name = address.substr(scheme->prefix.size());
  const bool is_abstract = name.starts_with('@');
  const std::string bare = is_abstract ? name.substr(1) : name;
  if (bare.empty()) return "it has no name";
  if (bare.size() > kMostOfName) {
    return absl::StrCat("its name has ", bare.size(), " bytes, and at most ",
                        kMostOfName, " are possible (unix(7))");
  }
  if (!is_abstract) {
    if (std::string why = WhyNoPlace(bare); !why.empty()) return why;
  }
  (is_abstract ? socket.abstract_name : socket.path) = bare;
  return "";
}

void CheckSocketName(const std::string& name, const ConfigMessage& place,
                     std::set<std::string>& names) {
  if (!IsPrintable(name) || name.find(':') != std::string::npos ||
      name.size() > kMostOfSocketName) {
    place.Wrong("name", absl::StrCat("\"", name,
                                     "\" is not a name: printable ASCII "
                                     "without \":\", at most ",
                                     kMostOfSocketName, " bytes"));
  } else if (!names.insert(name).second) {
    place.Wrong("name",
                absl::StrCat("another socket of the service is named \"", name,
                             "\", too: name one of them"));
  }
}

void ResolveAccess(const v1::Socket& config, const ConfigMessage& place,
                   HostedSocket& socket) {
  if (socket.path.empty()) {
    const std::string why =
        "an abstract name has no file, and everybody can connect: remove it";
    if (config.has_mode()) place.Wrong("mode", why);
    if (!config.owner().empty()) place.Wrong("owner", why);
    if (!config.group().empty()) place.Wrong("group", why);
    return;
  }
  socket.options.mode = kUsualMode;
  if (config.has_mode()) {
    place.CheckPermissions("mode", config.mode());
    socket.options.mode = config.mode();
  }
  if (!config.owner().empty()) {
    const absl::StatusOr<uid_t> uid = process::UserNamed(config.owner());
    if (!uid.ok()) return place.Wrong("owner", uid.status().message());
    socket.options.owner = *uid;
  }
  if (!config.group().empty()) {
    const absl::StatusOr<gid_t> gid = process::GroupNamed(config.group());
    if (!gid.ok()) return place.Wrong("group", gid.status().message());
    socket.options.group = *gid;
  }
}

}  // namespace

void ResolveSockets(const v1::ServiceConfig& config, const ConfigMessage& place,
                    HostedService& service) {
  std::set<std::string> names;
  for (int i = 0; i < config.sockets_size(); ++i) {
    const v1::Socket& each = config.sockets(i);
    const ConfigMessage socket_place = place.Nested("sockets", i);
    HostedSocket socket;
    socket.address = each.address();
    socket.name = each.name().empty() ? service.name : each.name();
    CheckSocketName(socket.name, socket_place, names);
    if (const std::string why = ParseAddress(socket); !why.empty()) {
      socket_place.Wrong("address",
                         absl::StrCat("\"", socket.address, "\": ", why));
    } else {
      ResolveAccess(each, socket_place, socket);
    }
    service.sockets.push_back(std::move(socket));
  }
}

}  // namespace fdrpc::host
