#ifndef FDRPC_TESTS_SUPPORT_FOREIGN_LOOP_H_
#define FDRPC_TESTS_SUPPORT_FOREIGN_LOOP_H_

#include <sys/epoll.h>

#include "absl/time/time.h"
#include "fdrpc/loop.h"
#include "fdrpc/unique_fd.h"
#include "gtest/gtest.h"

namespace fdrpc::testing {

// An event loop of another library, which waits for an fdrpc loop and for
// sockets of its own.
class ForeignLoop {
 public:
  explicit ForeignLoop(Loop& loop)
      : loop_(loop), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event = {.events = EPOLLIN, .data = {}};
    EXPECT_EQ(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, loop.fd(), &event), 0);
  }
  // Runs until `done`. Returns how often it had something to do.
  template <typename Done>
  int RunUntil(Done done) {
    int rounds = 0;
    for (; !done(); ++rounds) {
      const absl::Duration timeout = loop_.next_timeout();
      epoll_event event = {};
      const int ready =
          epoll_wait(epoll_.get(), &event, 1,
                     timeout == absl::InfiniteDuration()
                         ? -1
                         : static_cast<int>(absl::ToInt64Milliseconds(
                               absl::Ceil(timeout, absl::Milliseconds(1)))));
      EXPECT_GE(ready, 0);
      loop_.RunReady();
    }
    return rounds;
  }

 private:
  Loop& loop_;
  const UniqueFd epoll_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_FOREIGN_LOOP_H_
