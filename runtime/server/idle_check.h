#ifndef FDRPC_SERVER_IDLE_CHECK_H_
#define FDRPC_SERVER_IDLE_CHECK_H_

#include <cstdint>
#include <optional>
#include <utility>

namespace fdrpc {

// Finds out by a look once in a while, of which calls notice nothing, that
// there have been none for as long: between one and two times that, to be
// exact, since nobody notes when a call ends.
class IdleCheck {
 public:
  // `busy`: whether a call is in progress; `calls`: how many have come so far.
  // True if none is, and none was at the last look or has come since.
  bool Look(bool busy, uint64_t calls) {
    const std::optional<uint64_t> now =
        busy ? std::nullopt : std::optional(calls);
    return std::exchange(seen_, now) == now && now.has_value();
  }

 private:
  // How many had come at the last look; none if one was in progress.
  std::optional<uint64_t> seen_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_IDLE_CHECK_H_
