#include "tests/support/time_limit.h"

// Linked into every test program: a case that hangs ends the program, and says
// its name. The test runner's own limit would end it without a word.

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "gtest/gtest.h"

namespace fdrpc::testing {
namespace {

// What the signal's handler writes. It changes only while the timer is off.
char message[512];
size_t message_size = 0;

class TimeLimit final : public ::testing::EmptyTestEventListener {
 public:
  TimeLimit() {
    struct sigaction action = {};
    action.sa_handler = [](int) {
      (void)!write(STDERR_FILENO, message, message_size);
      std::abort();
    };
    // Children do not inherit the timer (timer_create(2)), so a case's
    // processes end as they do without it.
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGRTMAX - 1;
    if (sigaction(event.sigev_signo, &action, nullptr) != 0 ||
        timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) {
      std::perror("the time limit of test cases");
      std::abort();
    }
  }

 private:
  void OnTestStart(const ::testing::TestInfo& test) override {
    const int size =
        std::snprintf(message, sizeof(message),
                      "\n%s.%s has not ended after %d s: does it hang?\n",
                      test.test_suite_name(), test.name(), kTimeLimitSeconds);
    message_size = std::min<size_t>(size, sizeof(message) - 1);
    Set(kTimeLimitSeconds);
  }
  void OnTestEnd(const ::testing::TestInfo&) override { Set(0); }

  void Set(int seconds) {
    itimerspec limit = {};
    limit.it_value.tv_sec = seconds;
    timer_settime(timer_, 0, &limit, nullptr);
  }

  timer_t timer_;
};

[[maybe_unused]] const bool installed = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new TimeLimit);
  return true;
}();

}  // namespace
}  // namespace fdrpc::testing
