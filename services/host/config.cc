#include "services/host/config.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/host/config_file.h"
#include "services/host/config_message.h"
#include "services/host/service_config.h"

namespace fdrpc::host {
namespace {

constexpr std::string_view kSuffix = ".textproto";

// The name of the service, if the file has one. Sorted.
absl::StatusOr<std::vector<std::string>> ServiceNames(
    const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(opendir(directory.c_str()),
                                                   closedir);
  struct stat itself;
  if (opened == nullptr || fstat(dirfd(opened.get()), &itself) < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("it cannot be read: ", std::strerror(errno)));
  }
  if (const std::string why = WhyUntrusted(itself); !why.empty()) {
    return absl::InvalidArgumentError(why);
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(opened.get())) {
    std::string_view name = entry->d_name;
    if (name.starts_with('.') || !name.ends_with(kSuffix)) continue;
    name.remove_suffix(kSuffix.size());
    names.emplace_back(name);
  }
  if (errno != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("it cannot be read: ", std::strerror(errno)));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsServiceName(std::string_view name) {
  const auto is_alnum = [](char each) {
    return absl::ascii_isalnum(static_cast<unsigned char>(each));
  };
  return !name.empty() && is_alnum(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char each) {
           return is_alnum(each) || each == '_' || each == '-' || each == '.';
         });
}

// Finds addresses that are given twice.
class UsedAddresses {
 public:
  void Add(const HostedService& service, ConfigFile& file) {
    const ConfigMessage place(file);
    for (size_t i = 0; i < service.sockets.size(); ++i) {
      const HostedSocket& socket = service.sockets[i];
      if (socket.path.empty() && socket.abstract_name.empty()) continue;
      // Whatever the type: sockets of several cannot share a file.
      const std::string key =
          socket.path.empty()
              ? absl::StrCat("@", socket.abstract_name)
              : std::filesystem::path(socket.path).lexically_normal().string();
      const auto [used, is_new] = used_by_.emplace(key, service.name);
      if (is_new) continue;
      place.Nested("sockets", static_cast<int>(i))
          .Wrong("address", absl::StrCat("\"", socket.address, "\": service ",
                                         used->second,
                                         " has the same: change one of them"));
    }
  }

 private:
  std::map<std::string, std::string> used_by_;  // services by path or name
};

}  // namespace

Configuration ReadConfiguration(const std::string& directory) {
  Configuration configuration;
  const absl::StatusOr<std::vector<std::string>> names =
      ServiceNames(directory);
  if (!names.ok()) {
    configuration.errors.push_back(
        absl::StrCat(directory, ": ", names.status().message()));
    return configuration;
  }
  UsedAddresses used;
  for (const std::string& name : *names) {
    ConfigFile file(absl::StrCat(directory, directory.ends_with('/') ? "" : "/",
                                 name, std::string(kSuffix)));
    if (!IsServiceName(name)) {
      file.AddError(0,
                    "a service's name has letters, digits, \"_\", \"-\" and "
                    "\".\", and begins with a letter or digit: rename it");
    }
    if (file.Read()) {
      HostedService service = ResolveService(name, file);
      used.Add(service, file);
      if (!file.has_errors()) {
        configuration.services.push_back(std::move(service));
      }
    }
    for (std::string& error : file.Errors()) {
      configuration.errors.push_back(std::move(error));
    }
  }
  return configuration;
}

HostedService ResolveAgain(const std::string& name, const std::string& file,
                           const v1::ServiceConfig& config) {
  ConfigFile known(file, config);
  HostedService service = ResolveService(name, known);
  service.error = absl::StrJoin(known.Errors(), "\n");
  return service;
}

absl::StatusOr<std::vector<HostedService>> LoadConfiguration(
    const std::string& directory) {
  Configuration configuration = ReadConfiguration(directory);
  if (!configuration.errors.empty()) {
    return absl::InvalidArgumentError(
        absl::StrJoin(configuration.errors, "\n"));
  }
  return std::move(configuration.services);
}

}  // namespace fdrpc::host
