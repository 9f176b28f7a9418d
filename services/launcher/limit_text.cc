#include "services/launcher/limit_text.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/launcher/resource.h"
#include "services/process/resource_name.h"

namespace fdrpc::launcher {
namespace {

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
  const absl::StatusOr<int> resource =
      process::ResourceNamed(text.substr(0, equals));
  if (!resource.ok()) return resource.status();
  v1::Limit limit;
  limit.set_resource(ResourceWithNumber(*resource));
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
