#include "services/tool/request_lines.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"

namespace fdrpc::tool {

RequestLines::RequestLines() : stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!stop_.ok()) status_ = absl::ErrnoToStatus(errno, "eventfd");
}

std::optional<std::string> RequestLines::Next() {
  while (status_.ok()) {
    const size_t newline = buffer_.find('\n');
    if (newline == std::string::npos && ReadMore()) continue;
    if (!status_.ok() || buffer_.empty()) return std::nullopt;
    std::string line = buffer_.substr(0, newline);
    buffer_.erase(0, newline == std::string::npos ? newline : newline + 1);
    ++number_;
    if (!absl::StripAsciiWhitespace(line).empty()) return line;
  }
  return std::nullopt;
}

bool RequestLines::ReadMore() {
  while (!at_end_) {
    pollfd watched[] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                        {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
    if (poll(watched, 2, -1) < 0) {
      if (errno == EINTR) continue;
      status_ = absl::ErrnoToStatus(errno, "standard input: poll");
      return false;
    }
    if (watched[1].revents != 0) {
      at_end_ = true;
      buffer_.clear();
      return false;
    }
    char bytes[65536];
    const ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (got > 0) {
      buffer_.append(bytes, static_cast<size_t>(got));
      return true;
    }
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) status_ = absl::ErrnoToStatus(errno, "standard input");
    at_end_ = true;
  }
  return false;
}

void RequestLines::Stop() {
  const uint64_t one = 1;
  // Only a full counter could refuse it, and that is readable, too.
  (void)!write(stop_.get(), &one, sizeof(one));
}

}  // namespace fdrpc::tool
