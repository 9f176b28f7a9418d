#include "grpc/metadata.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/remote_peer.h"

namespace fdrpc::grpc {
namespace {

constexpr size_t kLongestKey = 255;

std::string_view View(const ::grpc::string_ref& text) {
  return {text.data(), text.size()};
}

bool IsKeyCharacter(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_' ||
         c == '-' || c == '.';
}

bool IsValueCharacter(char c) { return c >= 0x20 && c <= 0x7e; }

}  // namespace

bool BelongsToHop(std::string_view key) {
  // Those of HTTP/2 (RFC 9113, 8.2.2), and those that gRPC uses itself.
  static constexpr std::string_view kKeys[] = {"connection",
                                               "content-length",
                                               "content-type",
                                               "host",
                                               "keep-alive",
                                               "lb-cost-bin",
                                               "lb-token",
                                               "proxy-connection",
                                               "te",
                                               "transfer-encoding",
                                               "upgrade",
                                               "user-agent",
                                               "endpoint-load-metrics-bin"};
  return key.starts_with("grpc-") || key.starts_with(":") ||
         std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys);
}

Metadata FromGrpc(const ReceivedMetadata& received) {
  Metadata metadata;
  for (const auto& entry : received) {
    const std::string_view key = View(entry.first);
    if (BelongsToHop(key) || key == kRemotePeerKey ||
        key == kRemoteIdentityKey) {
      continue;
    }
    metadata.Add(key, View(entry.second));
  }
  return metadata;
}

absl::Status CheckForGrpc(const Metadata& metadata) {
  for (const auto& [key, value] : metadata) {
    const std::string named = absl::CHexEscape(key);
    if (key.empty() || key.size() > kLongestKey ||
        !std::all_of(key.begin(), key.end(), IsKeyCharacter)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the metadata key \"", named,
                       "\" is not 1 to 255 of a-z, 0-9, _, - and ."));
    }
    if (BelongsToHop(key)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the metadata key ", named, " belongs to gRPC"));
    }
    if (!absl::EndsWith(key, "-bin") &&
        !std::all_of(value.begin(), value.end(), IsValueCharacter)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the value of the metadata key ", named,
                       " is not printable ASCII, and the key does not end in "
                       "-bin"));
    }
  }
  return absl::OkStatus();
}

}  // namespace fdrpc::grpc
