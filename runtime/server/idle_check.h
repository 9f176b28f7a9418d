#ifndef FDRPC_SERVER_IDLE_CHECK_H_
#define FDRPC_SERVER_IDLE_CHECK_H_

#include <cstdint>
#include <optional>
#include <utility>

namespace fdrpc {

// Finds out, by an occasional look of which calls notice nothing, that there
// have been no calls for a time: between one and two intervals, since nobody
// records when a call ends.
class IdleCheck {
 public:
  // `busy`: whether a call is in progress; `calls`: how many have arrived so
  // far. True if none is in progress, and none was at the last look or has
  // arrived since.
  bool Look(bool busy, uint64_t calls) {
    const std::optional<uint64_t> now =
        busy ? std::nullopt : std::optional(calls);
    return std::exchange(seen_, now) == now && now.has_value();
  }

 private:
  // How many had arrived at the last look; none if one was in progress.
  std::optional<uint64_t> seen_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_IDLE_CHECK_H_
