#ifndef FDRPC_INTERNAL_METADATA_RULES_H_
#define FDRPC_INTERNAL_METADATA_RULES_H_

#include <string_view>

#include "absl/status/status.h"
#include "fdrpc/internal/export.h"

namespace fdrpc::internal {

// INVALID_ARGUMENT, with the key, if an entry breaks the rules of
// fdrpc::Metadata.
FDRPC_API absl::Status CheckMetadataEntry(std::string_view key,
                                          std::string_view value);

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_METADATA_RULES_H_
