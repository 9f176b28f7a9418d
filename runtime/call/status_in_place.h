#ifndef FDRPC_CALL_STATUS_IN_PLACE_H_
#define FDRPC_CALL_STATUS_IN_PLACE_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fdrpc {

// `error`, with which a call ends instead of its handler's status; its message
// includes that status, unless it is OK.
inline absl::Status InPlaceOf(const absl::Status& handlers,
                              const absl::Status& error) {
  if (handlers.ok()) return error;
  return absl::Status(
      error.code(),
      absl::StrCat(
          error.message(), "; it replaces the status ",
          handlers.ToString(absl::StatusToStringMode::kWithNoExtraData)));
}

}  // namespace fdrpc

#endif  // FDRPC_CALL_STATUS_IN_PLACE_H_
