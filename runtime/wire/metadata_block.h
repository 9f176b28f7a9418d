#ifndef FDRPC_WIRE_METADATA_BLOCK_H_
#define FDRPC_WIRE_METADATA_BLOCK_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "fdrpc/metadata.h"

namespace fdrpc {

// Metadata as a length-prefixed block in a frame's payload (docs/protocol.md,
// "Metadata").

// INVALID_ARGUMENT, with the key, if it breaks the rules of fdrpc::Metadata;
// RESOURCE_EXHAUSTED if the metadata exceeds the protocol's limits.
absl::Status CheckMetadata(const Metadata& metadata);

// RESOURCE_EXHAUSTED, with the name of the receiver's `option`, if received
// metadata exceeds `most_bytes`, counted as in a block.
absl::Status CheckMetadataSize(const Metadata& metadata, size_t most_bytes,
                               std::string_view option);

// Approximately the memory that the metadata takes.
size_t MemoryOf(const Metadata& metadata);

// `metadata` must have passed CheckMetadata().
void AppendMetadataBlock(const Metadata& metadata, std::string& to);

// `block` is the block without its length. INVALID_ARGUMENT if it is malformed,
// breaks the rules or exceeds the limits.
absl::Status DecodeMetadataBlock(std::string_view block, Metadata& metadata);

// Decodes the payload of a headers frame: a block with its length, and nothing
// else. INVALID_ARGUMENT as above.
absl::Status DecodeHeaders(std::string_view payload, Metadata& headers);

}  // namespace fdrpc

#endif  // FDRPC_WIRE_METADATA_BLOCK_H_
