#ifndef FDRPC_TESTS_CALL_CALL_STATE_STEPS_H_
#define FDRPC_TESTS_CALL_CALL_STATE_STEPS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "call/call_state.h"
#include "tests/support/files.h"

namespace fdrpc::testing {

struct CountedThread final : CallThread {};

inline constexpr Credit kStateWindow = {.bytes = 1000, .descriptors = 8};
inline constexpr MessageLimits kStateLimits = {.bytes = 100, .descriptors = 8};

inline CallState::Terms StreamsOf(Side side) {
  return {.side = side,
          .sends_stream = true,
          .send_credit = {.bytes = 100, .descriptors = 2},
          .receive_limits = kStateLimits,
          .receive_window = kStateWindow};
}

inline CallState::Terms SingleOf(Side side) {
  return {.side = side, .receive_limits = kStateLimits};
}

inline absl::Status Arrive(CallState& state, std::string_view bytes,
                           bool more = false, int descriptors = 0) {
  return state.OnPiece(bytes, FilesWithNumbers(descriptors), false, more, {});
}

inline absl::Status ArriveHalfClose(CallState& state) {
  return state.OnHalfClose("the client half-closed");
}

inline std::string TakeFrom(CallState& state) {
  ReceivedMessage message;
  Credit grant;
  return state.Take(message, grant) ? message.bytes.ToString() : "none";
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALL_CALL_STATE_STEPS_H_
