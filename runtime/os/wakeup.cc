#include "os/wakeup.h"

#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"
#include "os/syscalls.h"

namespace fdrpc {

absl::StatusOr<Wakeup> Wakeup::Create() {
  const int fd = Syscalls::Get().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "eventfd");
  return Wakeup(UniqueFd(fd));
}

void Wakeup::Notify() const {
  if (fork_mark_.inherited()) return;
  const int saved = errno;  // must not change in a signal handler
  const uint64_t one = 1;
  // Fails only with EAGAIN, if the counter is full; it is readable then.
  [[maybe_unused]] ssize_t written = RetryOnEintr(
      [&] { return Syscalls::Get().write(fd_.get(), &one, sizeof(one)); });
  errno = saved;
}

void Wakeup::Clear() const {
  uint64_t count;
  // EAGAIN: it was clear already.
  [[maybe_unused]] ssize_t got = RetryOnEintr(
      [&] { return Syscalls::Get().read(fd_.get(), &count, sizeof(count)); });
}

}  // namespace fdrpc
