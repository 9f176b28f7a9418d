#ifndef FDRPC_CALL_STATUS_IN_PLACE_H_
#define FDRPC_CALL_STATUS_IN_PLACE_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fdrpc {

// `error`, which a call ends with instead of the status that its handler gave;
// says what that was, unless it is OK.
inline absl::Status InPlaceOf(const absl::Status& handlers,
                              const absl::Status& error) {
  if (handlers.ok()) return error;
  return absl::Status(
      error.code(),
      absl::StrCat(
          error.message(), "; it stands in place of the status ",
          handlers.ToString(absl::StatusToStringMode::kWithNoExtraData)));
}

}  // namespace fdrpc

#endif  // FDRPC_CALL_STATUS_IN_PLACE_H_
