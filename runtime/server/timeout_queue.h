#ifndef FDRPC_SERVER_TIMEOUT_QUEUE_H_
#define FDRPC_SERVER_TIMEOUT_QUEUE_H_

#include <deque>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "server/server_connection.h"

namespace fdrpc {

// Connections that have to do something, or are to be checked, all with the
// same time-out from when each was added, and so in the order of their
// deadlines. Keeps none of them alive. For the polling thread.
class TimeoutQueue {
 public:
  // With an infinite time-out it holds nothing.
  explicit TimeoutQueue(absl::Duration timeout) : timeout_(timeout) {}

  void Add(const std::shared_ptr<ServerConnection>& connection,
           MonotonicTime now) {
    if (timeout_ == absl::InfiniteDuration()) return;
    expected_.push_back({DeadlineAfter(now, timeout_), connection});
  }
  // The earliest deadline.
  MonotonicTime next() const {
    return expected_.empty() ? kNoDeadline : expected_.front().deadline;
  }
  // Removes and returns the first connection whose deadline has passed; null if
  // there is none. Skips those that have closed.
  std::shared_ptr<ServerConnection> TakeExpired(MonotonicTime now) {
    while (!expected_.empty() && expected_.front().deadline <= now) {
      std::shared_ptr<ServerConnection> connection = TakeFront();
      if (connection != nullptr) return connection;
    }
    return nullptr;
  }
  // Drops connections at the front that have closed, or for which `done` is
  // true.
  template <typename Done>
  void DropFront(Done done) {
    while (!expected_.empty()) {
      const std::shared_ptr<ServerConnection> front =
          expected_.front().connection.lock();
      if (front != nullptr && !front->closed() && !done(*front)) return;
      expected_.pop_front();
    }
  }

 private:
  struct Entry {
    MonotonicTime deadline;
    std::weak_ptr<ServerConnection> connection;
  };

  std::shared_ptr<ServerConnection> TakeFront() {
    std::shared_ptr<ServerConnection> front =
        expected_.front().connection.lock();
    expected_.pop_front();
    return front == nullptr || front->closed() ? nullptr : std::move(front);
  }

  const absl::Duration timeout_;
  std::deque<Entry> expected_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_TIMEOUT_QUEUE_H_
