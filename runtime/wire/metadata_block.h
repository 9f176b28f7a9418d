#ifndef FDRPC_WIRE_METADATA_BLOCK_H_
#define FDRPC_WIRE_METADATA_BLOCK_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "fdrpc/metadata.h"

namespace fdrpc {

// Metadata as a length-prefixed block of a frame's payload (docs/protocol.md,
// "Metadata").

// INVALID_ARGUMENT names the key that breaks the rules of fdrpc::Metadata;
// RESOURCE_EXHAUSTED if the whole exceeds the protocol's limits.
absl::Status CheckMetadata(const Metadata& metadata);

// RESOURCE_EXHAUSTED if metadata that was received is more than its receiver
// wants, counted as in a block; names the option that says so.
absl::Status CheckMetadataSize(const Metadata& metadata, size_t most_bytes,
                               std::string_view option);

// About what it takes of memory.
size_t MemoryOf(const Metadata& metadata);

// `metadata` has passed CheckMetadata().
void AppendMetadataBlock(const Metadata& metadata, std::string& to);

// `block` is the block without its length. INVALID_ARGUMENT if it is malformed,
// breaks the rules or exceeds the limits.
absl::Status DecodeMetadataBlock(std::string_view block, Metadata& metadata);

// The payload of a headers frame: the block behind its length, and nothing
// else. INVALID_ARGUMENT as above.
absl::Status DecodeHeaders(std::string_view payload, Metadata& headers);

}  // namespace fdrpc

#endif  // FDRPC_WIRE_METADATA_BLOCK_H_
