#include "os/watch_timer.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"
#include "os/syscalls.h"
#include "os/wait_ready.h"

namespace fdrpc {

absl::StatusOr<WatchTimer> WatchTimer::Create() {
  const int fd = Syscalls::Get().timerfd_create(CLOCK_MONOTONIC,
                                                TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "timerfd_create");
  return WatchTimer(UniqueFd(fd));
}

void WatchTimer::Set(absl::Duration after) const {
  // A time of zero would disarm the timer.
  const itimerspec spec = {
      .it_interval = {},
      .it_value = absl::ToTimespec(std::max(after, absl::Nanoseconds(1)))};
  Syscalls::Get().timerfd_settime(fd_.get(), 0, &spec, nullptr);
}

void WatchTimer::Stop() const {
  const itimerspec spec = {};
  Syscalls::Get().timerfd_settime(fd_.get(), 0, &spec, nullptr);
}

void WatchTimer::Await() const {
  // Not read(2): the thread sanitizer delays signals to a thread that sleeps
  // there.
  WaitReady(fd_.get(), false, -1, kNoDeadline);
  uint64_t expirations;
  [[maybe_unused]] ssize_t got =
      Syscalls::Get().read(fd_.get(), &expirations, sizeof(expirations));
}

}  // namespace fdrpc
