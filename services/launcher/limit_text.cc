#include "services/launcher/limit_text.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::launcher {
namespace {

struct Name {
  const char* name;
  v1::Resource resource;
};

// Those of prlimit(1).
constexpr Name kNames[] = {
    {"as", v1::RESOURCE_ADDRESS_SPACE},
    {"core", v1::RESOURCE_CORE},
    {"cpu", v1::RESOURCE_CPU},
    {"data", v1::RESOURCE_DATA},
    {"fsize", v1::RESOURCE_FILE_SIZE},
    {"locks", v1::RESOURCE_LOCKS},
    {"memlock", v1::RESOURCE_LOCKED_MEMORY},
    {"msgqueue", v1::RESOURCE_MESSAGE_QUEUES},
    {"nice", v1::RESOURCE_NICE},
    {"nofile", v1::RESOURCE_OPEN_FILES},
    {"nproc", v1::RESOURCE_PROCESSES},
    {"rtprio", v1::RESOURCE_REALTIME_PRIORITY},
    {"rttime", v1::RESOURCE_REALTIME_TIME},
    {"sigpending", v1::RESOURCE_PENDING_SIGNALS},
    {"stack", v1::RESOURCE_STACK},
};

// Without a value: unlimited.
bool ParseValue(const std::string& text, std::optional<uint64_t>& value) {
  if (text == "unlimited") return true;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) return false;
  value = number;
  return true;
}

}  // namespace

absl::StatusOr<v1::Limit> ParseLimit(const std::string& text) {
  const size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  v1::Limit limit;
  std::string names;
  for (const Name& known : kNames) {
    if (known.name == name) limit.set_resource(known.resource);
    absl::StrAppend(&names, names.empty() ? "" : " ", known.name);
  }
  if (limit.resource() == v1::RESOURCE_UNSPECIFIED) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name, "\" is none of the limits ", names));
  }
  const std::string values =
      equals == std::string::npos ? "" : text.substr(equals + 1);
  const size_t colon = values.find(':');
  std::optional<uint64_t> soft, hard;
  if (!ParseValue(values.substr(0, colon), soft) ||
      !ParseValue(
          colon == std::string::npos ? values : values.substr(colon + 1),
          hard)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" is not like nofile=1024, core=0:unlimited "
                     "or cpu=unlimited"));
  }
  if (soft.has_value()) limit.set_soft(*soft);
  if (hard.has_value()) limit.set_hard(*hard);
  return limit;
}

}  // namespace fdrpc::launcher
