#include "grpc/metadata.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "fdrpc/internal/metadata_rules.h"
#include "fdrpc/remote_peer.h"

namespace fdrpc::grpc {
namespace {

std::string_view View(const ::grpc::string_ref& text) {
  return {text.data(), text.size()};
}

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
    absl::Status valid = internal::CheckMetadataEntry(key, value);
    if (!valid.ok()) return valid;
    if (BelongsToHop(key)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the metadata key ", key, " belongs to gRPC"));
    }
  }
  return absl::OkStatus();
}

}  // namespace fdrpc::grpc
