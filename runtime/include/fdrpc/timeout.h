#ifndef FDRPC_TIMEOUT_H_
#define FDRPC_TIMEOUT_H_

#include <chrono>
#include <type_traits>

#include "absl/time/time.h"
#include "fdrpc/internal/language.h"

namespace fdrpc {

// How long something may take: an absl::Duration, which can also be made of a
// std::chrono duration.
class Timeout : public absl::Duration {
 public:
  constexpr Timeout(absl::Duration timeout)  // NOLINT: it is one
      : absl::Duration(timeout) {}
  template <typename Rep, typename Period>
  Timeout(std::chrono::duration<Rep, Period> timeout)  // NOLINT: likewise
      : absl::Duration(Convert(timeout)) {}

 private:
  template <typename Rep, typename Period>
  static absl::Duration Convert(std::chrono::duration<Rep, Period> timeout) {
    const double seconds = std::chrono::duration<double>(timeout).count();
    // More than nanoseconds can count, which is 292 years.
    constexpr double kMost = 9e9;
    if (seconds > kMost) return absl::InfiniteDuration();
    if (seconds < -kMost) return -absl::InfiniteDuration();
    if constexpr (std::is_floating_point_v<Rep>) {
      return absl::Seconds(seconds);
    } else {
      return absl::FromChrono(
          std::chrono::duration_cast<std::chrono::nanoseconds>(timeout));
    }
  }
};

}  // namespace fdrpc

#endif  // FDRPC_TIMEOUT_H_
