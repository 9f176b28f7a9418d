#ifndef FDRPC_GRPC_METADATA_H_
#define FDRPC_GRPC_METADATA_H_

#include <grpcpp/support/string_ref.h>

#include <map>
#include <string_view>

#include "absl/status/status.h"
#include "fdrpc/metadata.h"

namespace fdrpc::grpc {

// Metadata as gRPC gives it.
using ReceivedMetadata = std::multimap<::grpc::string_ref, ::grpc::string_ref>;

// Whether a key belongs to the hop between two gRPC peers, and goes no further:
// those that gRPC has reserved for itself, and user-agent.
bool BelongsToHop(std::string_view key);

// Without the keys of the hop, and those that name a remote peer: their sender
// cannot speak for others.
Metadata FromGrpc(const ReceivedMetadata& received);

// INVALID_ARGUMENT if gRPC does not take it: keys and values that break the
// rules of fdrpc/metadata.h, which gRPC has too, and the keys of the hop.
absl::Status CheckForGrpc(const Metadata& metadata);

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_METADATA_H_
