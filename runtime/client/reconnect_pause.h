#ifndef FDRPC_CLIENT_RECONNECT_PAUSE_H_
#define FDRPC_CLIENT_RECONNECT_PAUSE_H_

#include <algorithm>

#include "absl/time/time.h"
#include "base/monotonic_time.h"

namespace fdrpc {

// The pauses between attempts to reach a server that is not there: short at
// first, since services of one machine start together.
class ReconnectPause {
 public:
  static constexpr absl::Duration kLongest = absl::Milliseconds(20);

  // When to try again after an attempt that has failed just now.
  MonotonicTime Next() {
    const MonotonicTime again = DeadlineAfter(Clock::Real().Now(), next_);
    next_ = std::min(next_ * 2, kLongest);
    return again;
  }

 private:
  absl::Duration next_ = absl::Milliseconds(1);
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_RECONNECT_PAUSE_H_
