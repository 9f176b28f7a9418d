#include "os/detached_thread.h"

#include <sys/resource.h>

#include <future>
#include <optional>

#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace fdrpc::testing {
namespace {

sigset_t OwnMask() {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return mask;
}

TEST(DetachedThreadTest, TakesNoSignalsButThoseOfItsOwnMistakes) {
  std::promise<sigset_t> mask;
  ASSERT_TRUE(StartDetachedThread([&] { mask.set_value(OwnMask()); }));
  const sigset_t its = mask.get_future().get();
  for (int blocked : {SIGTERM, SIGINT, SIGCHLD, SIGUSR1, SIGALRM}) {
    EXPECT_EQ(sigismember(&its, blocked), 1) << blocked;
    const sigset_t own = OwnMask();
    EXPECT_EQ(sigismember(&own, blocked), 0) << blocked;
  }
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
    EXPECT_EQ(sigismember(&its, fault), 0) << fault;
  }
}

TEST(DetachedThreadTest, KnowsItsMakersMaskBeforeItRuns) {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR2);
  sigset_t former;
  pthread_sigmask(SIG_BLOCK, &one, &former);
  std::optional<sigset_t> makers;
  std::promise<bool> known;
  EXPECT_TRUE(StartDetachedThread(
      [&] { known.set_value(makers && sigismember(&*makers, SIGUSR2) == 1); },
      &makers));
  EXPECT_TRUE(known.get_future().get());
  EXPECT_EQ(sigismember(&*makers, SIGTERM), 0);
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
}

TEST(DetachedThreadTest, SaysThatTheSystemGivesNone) {
  EXPECT_EQ(InChild([] {
              BecomeUnprivileged();
              const rlimit none = {.rlim_cur = 0, .rlim_max = 0};
              if (setrlimit(RLIMIT_NPROC, &none) != 0) return 1;
              if (StartDetachedThread([] {})) return 2;
              const sigset_t own = OwnMask();
              return sigismember(&own, SIGTERM) == 0 ? 0 : 3;
            }),
            0);
}

}  // namespace
}  // namespace fdrpc::testing
