#include "services/program/copy.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
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
    if (!WriteAll(to, {buffer.data(), static_cast<size_t>(length)})) {
      return absl::ErrnoToStatus(errno, "writing");
    }
  }
}

bool WriteAll(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(to, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (!ShouldRetry(to, POLLOUT)) {
      return false;
    }
  }
  return true;
}

std::optional<size_t> ReadUpTo(int from, char* bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t length = read(from, bytes + done, size - done);
    if (length == 0) break;
    if (length > 0) {
      done += static_cast<size_t>(length);
    } else if (!ShouldRetry(from, POLLIN)) {
      return std::nullopt;
    }
  }
  return done;
}

}  // namespace fdrpc::program
