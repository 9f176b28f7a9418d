#include "services/filebroker/open_request.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::filebroker {

absl::StatusOr<OpenOptions> OptionsFor(const v1::OpenRequest& request) {
  OpenOptions options;
  switch (request.access()) {
    case v1::ACCESS_READ:
      options.read = true;
      break;
    case v1::ACCESS_WRITE:
      options.write = true;
      break;
    case v1::ACCESS_READ_WRITE:
      options.read = true;
      options.write = true;
      break;
    case v1::ACCESS_UNSPECIFIED:
      return absl::InvalidArgumentError("the request has no access");
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no access ", static_cast<int>(request.access())));
  }
  switch (request.creation()) {
    case v1::CREATION_UNSPECIFIED:
      break;
    case v1::CREATION_IF_MISSING:
      options.creation = OpenOptions::Creation::kIfMissing;
      break;
    case v1::CREATION_EXCLUSIVE:
      options.creation = OpenOptions::Creation::kExclusive;
      break;
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no creation ", static_cast<int>(request.creation())));
  }
  options.truncate = request.truncate();
  options.append = request.append();
  if (request.has_permissions()) options.permissions = request.permissions();
  return options;
}

}  // namespace fdrpc::filebroker
