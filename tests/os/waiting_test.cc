// The means by which threads wait: wake-ups, timers, one descriptor, and many.

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "os/wait_ready.h"
#include "os/wakeup.h"
#include "os/watch_timer.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

MonotonicTime AMomentAgo() {
  return Clock::Real().Now() - std::chrono::seconds(1);
}

bool IsReadable(int fd) {
  pollfd polled = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&polled, 1, 0) == 1;
}

FaultInjection::Plan FailingOnce(std::string_view failing, int error) {
  return [=](std::string_view name, size_t index) {
    return FaultInjection::Fault{.error =
                                     name == failing && index == 0 ? error : 0};
  };
}

class WaitingTest : public ::testing::Test {
 protected:
  ExpectSameDescriptors census_;
};

using WakeupTest = WaitingTest;

TEST_F(WakeupTest, IsReadableFromNotifyUntilClear) {
  const absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
  ASSERT_TRUE(wakeup.ok()) << wakeup.status();
  EXPECT_TRUE(HasCloseOnExec(wakeup->fd()));
  EXPECT_FALSE(IsReadable(wakeup->fd()));
  wakeup->Notify();
  wakeup->Notify();
  EXPECT_TRUE(IsReadable(wakeup->fd()));
  EXPECT_TRUE(IsReadable(wakeup->fd())) << "looking does not clear it";
  wakeup->Clear();
  EXPECT_FALSE(IsReadable(wakeup->fd()));
  wakeup->Clear();
  EXPECT_FALSE(IsReadable(wakeup->fd())) << "clearing never blocks";
}

TEST_F(WakeupTest, IsNotifiedDespiteSignalsAndAFullCounter) {
  const absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
  ASSERT_TRUE(wakeup.ok());
  const uint64_t most = 0xfffffffffffffffe;
  ASSERT_EQ(write(wakeup->fd(), &most, sizeof(most)), 8);
  wakeup->Notify();
  EXPECT_TRUE(IsReadable(wakeup->fd()));
  {
    FaultInjection faults(FailingOnce("read", EINTR));
    wakeup->Clear();
  }
  EXPECT_FALSE(IsReadable(wakeup->fd()));
  FaultInjection faults(FailingOnce("write", EINTR));
  wakeup->Notify();
  EXPECT_TRUE(IsReadable(wakeup->fd()));
}

TEST_F(WakeupTest, KeepsErrnoAsASignalHandlerMust) {
  const absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
  ASSERT_TRUE(wakeup.ok());
  FaultInjection faults(FailingOnce("write", EAGAIN));
  errno = ENOTTY;
  wakeup->Notify();
  EXPECT_EQ(errno, ENOTTY);
}

TEST_F(WakeupTest, FailsWithoutDescriptorsLeft) {
  FaultInjection faults(FailingOnce("eventfd", EMFILE));
  EXPECT_EQ(Wakeup::Create().status().code(),
            absl::StatusCode::kResourceExhausted);
}

class WatchTimerTest : public WaitingTest {
 protected:
  static WatchTimer NewTimer() {
    absl::StatusOr<WatchTimer> timer = WatchTimer::Create();
    EXPECT_TRUE(timer.ok()) << timer.status();
    return *std::move(timer);
  }
};

TEST_F(WatchTimerTest, ExpiresAfterItsTimeAndNotBefore) {
  const WatchTimer timer = NewTimer();
  const MonotonicTime until =
      Clock::Real().Now() + std::chrono::milliseconds(2);
  timer.Set(absl::Milliseconds(2));
  timer.Await();
  EXPECT_GE(Clock::Real().Now(), until);
}

TEST_F(WatchTimerTest, ExpiresAtOnceForATimeOfZeroOrLess) {
  const WatchTimer timer = NewTimer();
  for (const absl::Duration after :
       {absl::ZeroDuration(), -absl::Seconds(1), -absl::InfiniteDuration()}) {
    timer.Set(after);
    timer.Await();
  }
}

TEST_F(WatchTimerTest, IsSetAnew) {
  const WatchTimer timer = NewTimer();
  timer.Set(absl::Hours(10));
  timer.Set(absl::ZeroDuration());
  timer.Await();
  timer.Set(absl::InfiniteDuration());
  timer.Set(absl::ZeroDuration());
  timer.Await();
}

TEST_F(WatchTimerTest, DoesNotExpireOnceStopped) {
  const DescriptorCensus before = TakeCensus();
  const WatchTimer timer = NewTimer();
  int timer_fd = -1;
  for (const auto& [fd, target] : TakeCensus()) {
    if (!before.contains(fd)) timer_fd = fd;
  }
  timer.Set(absl::ZeroDuration());
  timer.Await();
  timer.Set(absl::Hours(10));
  EXPECT_FALSE(IsReadable(timer_fd));
  timer.Set(absl::ZeroDuration());
  timer.Stop();
  EXPECT_FALSE(IsReadable(timer_fd)) << "not even if it had expired";
  timer.Set(absl::ZeroDuration());
  timer.Await();
}

TEST_F(WatchTimerTest, WakesAThreadThatAwaitsIt) {
  const WatchTimer timer = NewTimer();
  timer.Set(absl::Hours(10));
  std::thread awaiting([&] { timer.Await(); });
  timer.Set(absl::ZeroDuration());
  awaiting.join();
}

TEST_F(WatchTimerTest, FailsWithoutDescriptorsLeft) {
  FaultInjection faults(FailingOnce("timerfd_create", EMFILE));
  EXPECT_EQ(WatchTimer::Create().status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(WatchTimerTest, AwaitingReturnsWhenInterrupted) {
  const WatchTimer timer = NewTimer();
  FaultInjection faults(FailingOnce("ppoll", EINTR));
  timer.Await();
  EXPECT_EQ(faults.CountOf("ppoll"), 1u);
}

class WaitReadyTest : public WaitingTest {
 protected:
  WaitReadyTest() {
    std::tie(ours_, theirs_) = SocketPair();
    absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
    EXPECT_TRUE(wakeup.ok());
    wakeup_.emplace(*std::move(wakeup));
  }
  void Wait(bool or_writable = false, MonotonicTime deadline = kNoDeadline) {
    WaitReady(ours_.get(), or_writable, wakeup_->fd(), deadline);
  }

  UniqueFd ours_;
  UniqueFd theirs_;
  std::optional<Wakeup> wakeup_;
};

TEST_F(WaitReadyTest, ReturnsWhenThereIsSomethingToRead) {
  ASSERT_EQ(write(theirs_.get(), "x", 1), 1);
  Wait();
}

TEST_F(WaitReadyTest, ReturnsWhenThePeerIsGone) {
  theirs_.Reset();
  Wait();
}

TEST_F(WaitReadyTest, ReturnsWhenThereIsRoomToWrite) { Wait(true); }

TEST_F(WaitReadyTest, ReturnsWhenWoken) {
  std::thread other([&] { wakeup_->Notify(); });
  Wait();
  EXPECT_TRUE(IsReadable(wakeup_->fd()));
  other.join();
}

TEST_F(WaitReadyTest, ReturnsAtTheDeadline) {
  Wait(false, AMomentAgo());
  Wait(false, MonotonicTime());
  const MonotonicTime deadline =
      Clock::Real().Now() + std::chrono::milliseconds(2);
  Wait(false, deadline);
  EXPECT_GE(Clock::Real().Now(), deadline);
}

TEST_F(WaitReadyTest, ReturnsWhenInterrupted) {
  FaultInjection faults(FailingOnce("ppoll", EINTR));
  Wait();
  EXPECT_EQ(faults.CountOf("ppoll"), 1u);
}

}  // namespace
}  // namespace fdrpc::testing
