#include "services/program/copy.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace fdrpc::program {
namespace {

constexpr size_t kBufferBytes = 128u << 10;

// Whether to try again after a failed read(2) or write(2). Waits first if the
// descriptor is non-blocking, which standard input and output may be: the mode
// is shared with the process that passed them on.
bool ShouldRetry(int fd, short events) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN) return false;
  pollfd wait = {.fd = fd, .events = events, .revents = 0};
  poll(&wait, 1, -1);
  return true;
}

}  // namespace

absl::Status Copy(int from, int to) {
  std::vector<char> buffer(kBufferBytes);
  while (true) {
    const ssize_t length = read(from, buffer.data(), buffer.size());
    if (length == 0) return absl::OkStatus();
    if (length < 0) {
      if (ShouldRetry(from, POLLIN)) continue;
      return absl::ErrnoToStatus(errno, "reading");
    }
    size_t written = 0;
    while (written < static_cast<size_t>(length)) {
      const ssize_t more = write(to, buffer.data() + written, length - written);
      if (more >= 0) {
        written += static_cast<size_t>(more);
      } else if (!ShouldRetry(to, POLLOUT)) {
        return absl::ErrnoToStatus(errno, "writing");
      }
    }
  }
}

}  // namespace fdrpc::program
