#include "fdrpc/internal/plain_message.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace fdrpc::internal {

absl::Status CheckPlain(ParcelBase* parcel, const char* what) {
  if (parcel == nullptr) return absl::OkStatus();
  const std::vector<DescriptorInfo> found = parcel->ListDescriptors();
  if (found.empty()) return absl::OkStatus();
  parcel->CloseDescriptors();
  return absl::FailedPreconditionError(absl::StrCat(
      "the ", what, "'s field ", found.front().field,
      " has a descriptor, and the peer is remote: descriptors do not leave the "
      "machine"));
}

}  // namespace fdrpc::internal
