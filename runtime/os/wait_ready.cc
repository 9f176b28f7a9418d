#include "os/wait_ready.h"

#include <algorithm>
#include <ctime>

#include "os/syscalls.h"

namespace fdrpc {

bool WaitReady(int fd, bool or_writable, int wakeup_fd, MonotonicTime deadline,
               int room_fd) {
  pollfd polled[3] = {
      {.fd = fd,
       .events = static_cast<short>(POLLIN | (or_writable ? POLLOUT : 0)),
       .revents = 0},
      {.fd = wakeup_fd, .events = POLLIN, .revents = 0},
      {.fd = room_fd, .events = POLLOUT, .revents = 0}};
  timespec timeout = {};
  const bool bounded = deadline != kNoDeadline;
  if (bounded) {
    const auto left =
        std::max(std::chrono::nanoseconds::zero(),
                 std::chrono::duration_cast<std::chrono::nanoseconds>(
                     deadline - Clock::Real().Now()));
    timeout.tv_sec = static_cast<time_t>(left.count() / 1'000'000'000);
    timeout.tv_nsec = static_cast<long>(left.count() % 1'000'000'000);
  }
  const int ready = Syscalls::Get().ppoll(
      polled, room_fd < 0 ? 2 : 3, bounded ? &timeout : nullptr, nullptr);
  return ready > 0 && polled[1].revents != 0;
}

}  // namespace fdrpc
