#include "services/launcher/launch_request.h"

#include <sys/resource.h>
#include <unistd.h>

#include <climits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/launcher/resource.h"
#include "services/process/service_manager_variables.h"

namespace fdrpc::launcher {
namespace {

using process::ProcessSpec;

// Of a descriptor.
constexpr uint32_t kHighestNumber = 1023;

// MAX_ARG_STRLEN of execve(2), without the NUL byte.
size_t LongestText() {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return 32 * page - 1;
}

absl::Status CheckText(const std::string& field, std::string_view text,
                       size_t longest = LongestText()) {
  if (text.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": it contains a NUL byte"));
  }
  if (text.size() > longest) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": it has ", text.size(),
                     " bytes, which is more than the longest, ", longest));
  }
  return absl::OkStatus();
}

absl::Status ReadProgram(const v1::LaunchRequest& request, ProcessSpec& spec) {
  for (int i = 0; i < request.arguments_size(); ++i) {
    absl::Status valid =
        CheckText(absl::StrCat("arguments[", i, "]"), request.arguments(i));
    if (!valid.ok()) return valid;
    spec.arguments.push_back(request.arguments(i));
  }
  if (spec.arguments.empty()) {
    return absl::InvalidArgumentError(
        "arguments: there is none, and the first one is argv[0]");
  }
  spec.program =
      request.has_program() ? request.program() : spec.arguments.front();
  if (spec.program.empty()) {
    return absl::InvalidArgumentError("program: it is empty");
  }
  const bool is_path = absl::StrContains(spec.program, '/');
  return CheckText("program", spec.program, is_path ? PATH_MAX - 1 : NAME_MAX);
}

// The variables of a process, each once.
class Environment {
 public:
  void Set(std::string_view name, std::string_view value) {
    values_.insert_or_assign(std::string(name), std::string(value));
  }
  void Remove(const std::string& name) { values_.erase(name); }
  // The launcher's own.
  void Inherit() {
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const std::string_view text = *variable;
      const size_t equals = text.find('=');
      // Others than NAME=VALUE mean nothing to anybody.
      if (equals == std::string_view::npos || equals == 0) continue;
      Set(text.substr(0, equals), text.substr(equals + 1));
    }
    for (const char* name : process::kServiceManagerVariables) Remove(name);
  }
  std::vector<std::string> Variables() const {
    std::vector<std::string> variables;
    variables.reserve(values_.size());
    for (const auto& [name, value] : values_) {
      variables.push_back(absl::StrCat(name, "=", value));
    }
    return variables;
  }

 private:
  // Not hashed: names that collide would make it slow.
  std::map<std::string, std::string> values_;
};

absl::Status ReadEnvironment(const v1::LaunchRequest& request,
                             const std::optional<ProcessUser>& user,
                             ProcessSpec& spec) {
  Environment environment;
  if (!request.clear_environment()) {
    environment.Inherit();
    if (user.has_value()) {
      environment.Set("HOME", user->home.empty() ? "/" : user->home);
      environment.Set("USER", user->name);
      environment.Set("LOGNAME", user->name);
      environment.Set("SHELL", user->shell.empty() ? "/bin/sh" : user->shell);
    }
  }
  for (int i = 0; i < request.environment_size(); ++i) {
    const v1::Variable& variable = request.environment(i);
    const std::string field = absl::StrCat("environment[", i, "]");
    if (variable.name().empty() || absl::StrContains(variable.name(), '=')) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".name: it is empty or contains \"=\""));
    }
    absl::Status valid =
        CheckText(field, absl::StrCat(variable.name(), "=", variable.value()));
    if (!valid.ok()) return valid;
    if (variable.has_value()) {
      environment.Set(variable.name(), variable.value());
    } else {
      environment.Remove(variable.name());
    }
  }
  spec.environment = environment.Variables();
  return absl::OkStatus();
}

absl::Status ReadDescriptors(const Parcel<v1::LaunchRequest>& request,
                             ProcessSpec& spec) {
  std::set<uint32_t> numbers;
  for (int i = 0; i < request->descriptors_size(); ++i) {
    const v1::Descriptor& descriptor = request->descriptors(i);
    const auto error = [i](const std::string& text) {
      return absl::InvalidArgumentError(
          absl::StrCat("descriptors[", i, "].number: ", text));
    };
    if (descriptor.number() > kHighestNumber) {
      return error(
          absl::StrCat(descriptor.number(), " is more than ", kHighestNumber));
    }
    if (!numbers.insert(descriptor.number()).second) {
      return error(absl::StrCat(descriptor.number(), " is given twice"));
    }
    spec.descriptors.push_back(
        {.fd = request.Borrow(descriptor.file()),
         .number = static_cast<int>(descriptor.number())});
  }
  if (!request->has_controlling_terminal()) return absl::OkStatus();
  if (!numbers.contains(request->controlling_terminal())) {
    return absl::InvalidArgumentError(
        absl::StrCat("controlling_terminal: no descriptor has the number ",
                     request->controlling_terminal()));
  }
  spec.controlling_terminal = static_cast<int>(request->controlling_terminal());
  return absl::OkStatus();
}

absl::Status ReadLimits(const v1::LaunchRequest& request, bool may_raise,
                        const rlimit& open_files, ProcessSpec& spec) {
  std::set<int> resources;
  for (int i = 0; i < request.limits_size(); ++i) {
    const v1::Limit& asked = request.limits(i);
    const std::string field = absl::StrCat("limits[", i, "]");
    const std::optional<int> resource = NumberOf(asked.resource());
    if (!resource.has_value() || !resources.insert(*resource).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          field, ".resource: ", static_cast<int>(asked.resource()),
          resource.has_value() ? " is given twice" : " is no resource"));
    }
    const rlimit limit = {
        .rlim_cur = asked.has_soft() ? asked.soft() : RLIM_INFINITY,
        .rlim_max = asked.has_hard() ? asked.hard() : RLIM_INFINITY};
    if (limit.rlim_cur > limit.rlim_max) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": the soft limit is above the hard limit"));
    }
    rlimit own = {};
    getrlimit(static_cast<__rlimit_resource>(*resource), &own);
    if (limit.rlim_max > own.rlim_max && !may_raise) {
      return absl::PermissionDeniedError(absl::StrCat(
          field, ": only root may raise a limit above the launcher's"));
    }
    spec.limits.push_back({.resource = *resource, .limit = limit});
  }
  if (!resources.contains(RLIMIT_NOFILE)) {
    spec.limits.push_back({.resource = RLIMIT_NOFILE, .limit = open_files});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ProcessSpec> SpecFor(const Parcel<v1::LaunchRequest>& request,
                                    const PeerCredentials& caller,
                                    const LaunchPolicy& policy,
                                    const rlimit& open_files) {
  if (absl::Status may = policy.MayLaunch(caller); !may.ok()) return may;
  ProcessSpec spec;
  absl::Status valid = ReadProgram(*request, spec);
  if (valid.ok()) valid = ReadDescriptors(request, spec);
  if (valid.ok()) {
    valid =
        ReadLimits(*request, policy.MayRaiseLimits(caller), open_files, spec);
  }
  if (valid.ok() && request->umask() > 0777) {
    valid = absl::InvalidArgumentError("umask: it is at most 0777");
  }
  if (!valid.ok()) return valid;

  absl::StatusOr<std::optional<ProcessUser>> user =
      policy.UserFor(caller, request->has_user() ? &request->user() : nullptr);
  if (!user.ok()) return user.status();
  valid = ReadEnvironment(*request, *user, spec);
  if (!valid.ok()) return valid;
  if (user->has_value()) spec.user = std::move((*user)->ids);
  if (request->has_working_directory()) {
    spec.working_directory = request.working_directory();
  }
  spec.no_new_privileges = request->no_new_privileges();
  if (request->has_umask()) spec.umask = request->umask();
  return spec;
}

}  // namespace fdrpc::launcher
