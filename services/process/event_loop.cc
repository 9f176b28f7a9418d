#include "services/process/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "absl/time/time.h"

namespace fdrpc::process {
namespace {

int MillisecondsUntil(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return -1;
  return static_cast<int>(std::clamp<int64_t>(
      absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))), 0,
      std::numeric_limits<int>::max()));
}

}  // namespace

absl::StatusOr<EventLoop> EventLoop::Create() {
  absl::StatusOr<Loop> loop = Loop::Create();
  if (!loop.ok()) return loop.status();
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.ok()) return absl::ErrnoToStatus(errno, "epoll_create1");
  epoll_event event = {.events = EPOLLIN, .data = {.fd = loop->fd()}};
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, loop->fd(), &event) < 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl");
  }
  // The loop is this thread's from now on: Server::Wait() of another one waits.
  loop->RunReady();
  return EventLoop(*std::move(loop), std::move(epoll));
}

absl::Status EventLoop::Watch(int fd, absl::AnyInvocable<void()> ready) {
  return Add(fd, EPOLLIN, std::move(ready));
}

absl::Status EventLoop::WatchForRoom(int fd, absl::AnyInvocable<void()> ready) {
  return Add(fd, EPOLLOUT, std::move(ready));
}

absl::Status EventLoop::Add(int fd, uint32_t events, Function ready) {
  epoll_event event = {.events = events, .data = {.fd = fd}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl");
  }
  watched_[fd] = std::make_shared<Function>(std::move(ready));
  return absl::OkStatus();
}

void EventLoop::Unwatch(int fd) {
  if (watched_.erase(fd) == 0) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::Run() {
  while (!stopped_) WaitOnce();
}

void EventLoop::RunWhile(absl::FunctionRef<bool()> condition) {
  while (condition()) WaitOnce();
}

void EventLoop::WaitOnce() {
  // One at a time: its function may close the descriptors of others.
  epoll_event event = {};
  const int ready = epoll_wait(epoll_.get(), &event, 1,
                               MillisecondsUntil(loop_.next_timeout()));
  if (ready == 1) {
    const auto watched = watched_.find(event.data.fd);
    if (watched != watched_.end()) {
      const std::shared_ptr<Function> function = watched->second;
      (*function)();
    }
  }
  loop_.RunReady();
}

}  // namespace fdrpc::process
