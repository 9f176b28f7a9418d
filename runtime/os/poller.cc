#include "os/poller.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>

#include "os/syscalls.h"

namespace fdrpc {
namespace {

// epoll_wait(2) takes milliseconds. Rounded up, so that the deadline has passed
// when the wait for it ends; -1 waits for ever.
int TimeoutMilliseconds(MonotonicTime deadline) {
  if (deadline == kNoDeadline) return -1;
  if (deadline == MonotonicTime()) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                        deadline - Clock::Real().Now())
                        .count();
  return static_cast<int>(
      std::clamp<int64_t>(left, 0, std::numeric_limits<int>::max()));
}

}  // namespace

absl::StatusOr<Poller> Poller::Create() {
  const int fd = Syscalls::Get().epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, "epoll_create1");
  return Poller(UniqueFd(fd));
}

absl::Status Poller::Add(int fd, uint64_t token, Interest interest) {
  return Control(EPOLL_CTL_ADD, fd, token, interest);
}

absl::Status Poller::Change(int fd, uint64_t token, Interest interest) {
  return Control(EPOLL_CTL_MOD, fd, token, interest);
}

void Poller::Remove(int fd) {
  epoll_event unused = {};
  Syscalls::Get().epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &unused);
}

absl::Status Poller::Control(int operation, int fd, uint64_t token,
                             Interest interest) {
  epoll_event event = {};
  event.events = (interest.readable ? EPOLLIN : 0u) |
                 (interest.writable ? EPOLLOUT : 0u) |
                 (interest.edge_triggered ? EPOLLET : 0u);
  event.data.u64 = token;
  if (Syscalls::Get().epoll_ctl(epoll_.get(), operation, fd, &event) < 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl");
  }
  return absl::OkStatus();
}

absl::Span<Poller::Event> Poller::Wait(absl::Span<Event> events,
                                       MonotonicTime deadline) {
  constexpr size_t kMost = 64;
  epoll_event ready[kMost];
  const int count = Syscalls::Get().epoll_wait(
      epoll_.get(), ready, static_cast<int>(std::min(kMost, events.size())),
      TimeoutMilliseconds(deadline));
  if (count <= 0) return events.subspan(0, 0);
  for (int i = 0; i < count; ++i) {
    const uint32_t bits = ready[i].events;
    events[i] = {
        .token = ready[i].data.u64,
        .readable = (bits & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0,
        .writable = (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0};
  }
  return events.subspan(0, count);
}

}  // namespace fdrpc
