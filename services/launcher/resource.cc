#include "services/launcher/resource.h"

#include <sys/resource.h>

namespace fdrpc::launcher {
namespace {

struct NumberedResource {
  v1::Resource resource;
  int number;
};

constexpr NumberedResource kNumberedResources[] = {
    {v1::RESOURCE_ADDRESS_SPACE, RLIMIT_AS},
    {v1::RESOURCE_CORE, RLIMIT_CORE},
    {v1::RESOURCE_CPU, RLIMIT_CPU},
    {v1::RESOURCE_DATA, RLIMIT_DATA},
    {v1::RESOURCE_FILE_SIZE, RLIMIT_FSIZE},
    {v1::RESOURCE_LOCKS, RLIMIT_LOCKS},
    {v1::RESOURCE_LOCKED_MEMORY, RLIMIT_MEMLOCK},
    {v1::RESOURCE_MESSAGE_QUEUES, RLIMIT_MSGQUEUE},
    {v1::RESOURCE_NICE, RLIMIT_NICE},
    {v1::RESOURCE_OPEN_FILES, RLIMIT_NOFILE},
    {v1::RESOURCE_PROCESSES, RLIMIT_NPROC},
    {v1::RESOURCE_REALTIME_PRIORITY, RLIMIT_RTPRIO},
    {v1::RESOURCE_REALTIME_TIME, RLIMIT_RTTIME},
    {v1::RESOURCE_PENDING_SIGNALS, RLIMIT_SIGPENDING},
    {v1::RESOURCE_STACK, RLIMIT_STACK},
};

}  // namespace

std::optional<int> NumberOf(v1::Resource resource) {
  for (const NumberedResource& each : kNumberedResources) {
    if (each.resource == resource) return each.number;
  }
  return std::nullopt;
}

v1::Resource ResourceWithNumber(int number) {
  for (const NumberedResource& each : kNumberedResources) {
    if (each.number == number) return each.resource;
  }
  return v1::RESOURCE_UNSPECIFIED;
}

}  // namespace fdrpc::launcher
