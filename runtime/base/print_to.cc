#include <ostream>
#include <string>

#include "absl/strings/escaping.h"
#include "fdrpc/metadata.h"

namespace fdrpc {

void PrintTo(const Metadata& metadata, std::ostream* to) {
  *to << "{";
  const char* separator = "";
  for (const auto& [key, value] : metadata) {
    *to << separator << key << ": \"" << absl::Utf8SafeCHexEscape(value)
        << "\"";
    separator = ", ";
  }
  *to << "}";
}

}  // namespace fdrpc
