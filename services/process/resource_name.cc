#include "services/process/resource_name.h"

#include <sys/resource.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::process {
namespace {

struct Resource {
  std::string_view name;
  int number;
};

constexpr Resource kResources[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},
    {"cpu", RLIMIT_CPU},         {"data", RLIMIT_DATA},
    {"fsize", RLIMIT_FSIZE},     {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE},
    {"nice", RLIMIT_NICE},       {"nofile", RLIMIT_NOFILE},
    {"nproc", RLIMIT_NPROC},     {"rtprio", RLIMIT_RTPRIO},
    {"rttime", RLIMIT_RTTIME},   {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

}  // namespace

absl::StatusOr<int> ResourceNamed(std::string_view name) {
  std::string names;
  for (const Resource& resource : kResources) {
    if (resource.name == name) return resource.number;
    absl::StrAppend(&names, names.empty() ? "" : " ",
                    std::string(resource.name));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", std::string(name), "\" is none of the limits ", names));
}

}  // namespace fdrpc::process
