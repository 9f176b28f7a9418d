#include "fdrpc/internal/metadata_rules.h"

#include <algorithm>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::internal {
namespace {

bool ValidKey(std::string_view key) {
  return !key.empty() && key.size() <= 255 &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

bool ValidValue(std::string_view key, std::string_view value) {
  return key.ends_with("-bin") ||
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c <= 0x7e; });
}

}  // namespace

absl::Status CheckMetadataEntry(std::string_view key, std::string_view value) {
  if (!ValidKey(key)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "metadata key \"",
        absl::CHexEscape({key.data(), std::min<size_t>(key.size(), 64)}),
        "\" is not of lower-case letters, digits, '_', '-' and '.', at most "
        "255 of them"));
  }
  if (!ValidValue(key, value)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the value of metadata key \"", std::string(key),
        "\" is not printable ASCII; a key that ends in -bin takes any bytes"));
  }
  return absl::OkStatus();
}

}  // namespace fdrpc::internal
