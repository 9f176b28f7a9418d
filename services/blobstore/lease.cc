#include "services/blobstore/lease.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::blobstore {

Lease::~Lease() {
  for (const auto& [key, pin] : pins_) store_.Release(user_, pin);
}

absl::StatusOr<BlobKey> Lease::PinBlob(const BlobRef& ref) {
  const absl::StatusOr<Pin> pin = store_.PinBlob(user_, ref);
  if (!pin.ok()) return pin.status();
  pins_.emplace(pin->key, *pin);
  return pin->key;
}

absl::StatusOr<BlobKey> Lease::Release(const BlobRef& ref) {
  // Not by what the store has: the blob may have been removed.
  auto found = pins_.find({ref.name, ref.owner.value_or(user_)});
  if (found == pins_.end() && !ref.owner.has_value()) {
    found = pins_.lower_bound({ref.name, 0});
    if (found != pins_.end() && found->first.name != ref.name) {
      found = pins_.end();
    }
  }
  if (found == pins_.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("this lease has no pin of a blob \"",
                     absl::CHexEscape(ref.name.substr(0, 100)), "\""));
  }
  const Pin pin = found->second;
  pins_.erase(found);
  store_.Release(user_, pin);
  return pin.key;
}

}  // namespace fdrpc::blobstore
