// The part of a service's configuration that is about its process.
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/host/service_config.h"
#include "services/process/resource_name.h"
#include "services/process/service_manager_variables.h"
#include "services/process/user_database.h"

namespace fdrpc::host {
namespace {

constexpr char kUsualPath[] =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool HasNul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

// Empty if it can be executed.
std::string WhyNotAProgram(const std::string& path) {
  struct stat file;
  if (!absl::StartsWith(path, "/")) {
    return absl::StrCat("\"", path, "\" is not an absolute path");
  }
  if (stat(path.c_str(), &file) < 0) {
    return absl::StrCat(path, ": ", std::strerror(errno));
  }
  if (!S_ISREG(file.st_mode)) return absl::StrCat(path, " is not a file");
  if (access(path.c_str(), X_OK) < 0) {
    return absl::StrCat(path, " cannot be executed: chmod +x");
  }
  return "";
}

void ResolveCommand(const v1::ServiceConfig& config, const ConfigMessage& place,
                    process::ProcessSpec& spec) {
  if (config.command_size() == 0) {
    return place.Wrong(
        "command", "it is missing: the program's absolute path, and arguments");
  }
  for (int i = 0; i < config.command_size(); ++i) {
    if (HasNul(config.command(i))) {
      place.Wrong("command", "it contains a NUL byte", i);
    }
  }
  if (const std::string why = WhyNotAProgram(config.command(0)); !why.empty()) {
    place.Wrong("command", why, 0);
  }
  spec.program = config.command(0);
  spec.arguments.assign(config.command().begin(), config.command().end());
}

void ResolveEnvironment(const v1::ServiceConfig& config,
                        const ConfigMessage& place,
                        process::ProcessSpec& spec) {
  std::set<std::string> names;
  for (int i = 0; i < config.environment_size(); ++i) {
    const std::string& variable = config.environment(i);
    const size_t equals = variable.find('=');
    const std::string name = variable.substr(0, equals);
    const auto wrong = [&](const std::string& why) {
      place.Wrong("environment", absl::StrCat("\"", variable, "\" ", why), i);
    };
    if (HasNul(variable)) {
      place.Wrong("environment", "it contains a NUL byte", i);
    } else if (equals == std::string::npos || name.empty()) {
      wrong("is not like NAME=value");
    } else if (std::count(std::begin(process::kServiceManagerVariables),
                          std::end(process::kServiceManagerVariables),
                          name) > 0) {
      wrong("is set by the host for each process: remove it");
    } else if (!names.insert(name).second) {
      wrong("has a name that another one has: remove one of them");
    }
    spec.environment.push_back(variable);
  }
  if (!names.contains("PATH")) spec.environment.emplace_back(kUsualPath);
}

void ResolveDirectory(const std::string& directory, const ConfigMessage& place,
                      HostedService& service) {
  if (directory.empty()) return;
  struct stat file;
  if (!absl::StartsWith(directory, "/") || HasNul(directory)) {
    place.Wrong("working_directory",
                absl::StrCat("\"", directory, "\" is not an absolute path"));
  } else if (stat(directory.c_str(), &file) < 0) {
    place.Wrong("working_directory",
                absl::StrCat(directory, ": ", std::strerror(errno)));
  } else if (!S_ISDIR(file.st_mode)) {
    place.Wrong("working_directory",
                absl::StrCat(directory, " is not a directory"));
  }
  service.working_directory = directory;
}

void ResolveUser(const v1::ServiceConfig& config, const ConfigMessage& place,
                 process::ProcessSpec& spec) {
  if (config.user().empty()) {
    if (!config.group().empty()) {
      place.Wrong("group", "it needs a user, too");
    }
    return;
  }
  process::UserIds ids;
  bool has_group = false;
  const absl::StatusOr<uid_t> uid = process::UserNamed(config.user());
  if (!uid.ok()) {
    place.Wrong("user", uid.status().message());
  } else {
    ids.uid = *uid;
    absl::StatusOr<std::optional<process::UserEntry>> entry =
        process::FindUser(*uid);
    has_group = entry.ok() && entry->has_value();
    if (!entry.ok()) {
      place.Wrong("user", entry.status().message());
    } else if (has_group) {
      ids.gid = (*entry)->gid;
      ids.groups = std::move((*entry)->groups);
    } else if (config.group().empty()) {
      place.Wrong("user",
                  absl::StrCat("the user database has no user ", *uid,
                               ", whose group is needed: give it a group"));
    }
  }
  if (!config.group().empty()) {
    const absl::StatusOr<gid_t> gid = process::GroupNamed(config.group());
    if (!gid.ok()) return place.Wrong("group", gid.status().message());
    ids.gid = *gid;
  }
  // Otherwise it is the host's already, which takes no privileges.
  const bool is_own =
      ids.uid == geteuid() && (config.group().empty() || ids.gid == getegid());
  if (!is_own) spec.user = std::move(ids);
}

void ResolveLimits(const v1::ServiceConfig& config, const ConfigMessage& place,
                   process::ProcessSpec& spec) {
  std::set<int> resources;
  for (int i = 0; i < config.limits_size(); ++i) {
    const v1::Limit& limit = config.limits(i);
    const ConfigMessage limit_place = place.Nested("limits", i);
    const absl::StatusOr<int> resource =
        process::ResourceNamed(limit.resource());
    if (!resource.ok()) {
      limit_place.Wrong("resource", resource.status().message());
      continue;
    }
    if (!resources.insert(*resource).second) {
      limit_place.Wrong("resource", absl::StrCat("\"", limit.resource(),
                                                 "\" is limited twice"));
    }
    const rlimit values = {
        .rlim_cur = limit.has_soft() ? limit.soft() : RLIM_INFINITY,
        .rlim_max = limit.has_hard() ? limit.hard() : RLIM_INFINITY};
    if (values.rlim_cur > values.rlim_max) {
      limit_place.Wrong(limit.has_soft() ? "soft" : "hard",
                        "the soft limit is above the hard limit; an absent one "
                        "is unlimited");
    }
    spec.limits.push_back({.resource = *resource, .limit = values});
  }
}

int CloneFlag(int kind) {
  switch (kind) {
    case v1::ServiceConfig::NAMESPACE_NETWORK:
      return CLONE_NEWNET;
    case v1::ServiceConfig::NAMESPACE_IPC:
      return CLONE_NEWIPC;
    case v1::ServiceConfig::NAMESPACE_UTS:
      return CLONE_NEWUTS;
    case v1::ServiceConfig::NAMESPACE_MOUNT:
      return CLONE_NEWNS;
    case v1::ServiceConfig::NAMESPACE_PID:
      return CLONE_NEWPID;
    default:
      return 0;
  }
}

void ResolveNamespaces(const v1::ServiceConfig& config,
                       const ConfigMessage& place, HostedService& service) {
  for (int i = 0; i < config.namespaces_size(); ++i) {
    const int flag = CloneFlag(config.namespaces(i));
    if (flag == 0) {
      place.Wrong("namespaces",
                  absl::StrCat(static_cast<int>(config.namespaces(i)),
                               " is no kind of namespace: write a name such as "
                               "NAMESPACE_NETWORK"),
                  i);
    } else if ((service.namespaces & flag) != 0) {
      place.Wrong(
          "namespaces",
          absl::StrCat(v1::ServiceConfig::Namespace_Name(config.namespaces(i)),
                       " is given twice"),
          i);
    }
    service.namespaces |= flag;
  }
}

}  // namespace

void ResolveProcess(const v1::ServiceConfig& config, const ConfigMessage& place,
                    HostedService& service) {
  process::ProcessSpec& spec = service.process;
  ResolveCommand(config, place, spec);
  ResolveEnvironment(config, place, spec);
  ResolveDirectory(config.working_directory(), place, service);
  ResolveUser(config, place, spec);
  ResolveLimits(config, place, spec);
  spec.no_new_privileges = config.no_new_privileges();
  if (config.has_umask()) {
    place.CheckPermissions("umask", config.umask());
    spec.umask = config.umask();
  }
  ResolveNamespaces(config, place, service);
}

}  // namespace fdrpc::host
