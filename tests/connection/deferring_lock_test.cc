#include "connection/deferring_lock.h"

#include <fcntl.h>
#include <poll.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc {
namespace {

using ::fdrpc::testing::ExpectSameDescriptors;
using ::fdrpc::testing::FileWith;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Log = std::vector<std::string>;

struct FakeThread {
  Log* log;
  void Wake() const { log->push_back("wakes"); }
};

class FakeConnection {
 public:
  FakeConnection(Log& log, std::string name)
      : log_(log), name_(std::move(name)) {}
  ~FakeConnection() { log_.push_back(name_ + " goes"); }
  void Flush() { log_.push_back(name_ + " flushes"); }

 private:
  Log& log_;
  const std::string name_;
};

struct FakeSide {
  using Thread = FakeThread;
  using Connection = std::shared_ptr<FakeConnection>;
  static constexpr bool kClosesInBackground = false;
};

// What the server's side does.
struct ClosingSide : FakeSide {
  static constexpr bool kClosesInBackground = true;
};

template <typename Side>
class TestLock : public DeferringLock<Side> {
 public:
  using DeferringLock<Side>::DeferringLock;
  using DeferringLock<Side>::Relock;
  using DeferringLock<Side>::Unlock;
};

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

OutgoingFrames FramesWith(UniqueFd fd) {
  OutgoingFrames frames(1);
  frames.front().Attach().descriptors.push_back(std::move(fd));
  return frames;
}

class DeferringLockTest : public ::testing::Test {
 protected:
  std::shared_ptr<FakeConnection> NewConnection(std::string name) {
    return std::make_shared<FakeConnection>(log_, std::move(name));
  }

  Log log_;
  Mutex mutex_;
};

TEST_F(DeferringLockTest, WakesThenFlushesThenLetsGoOnceTheMutexIsReleased) {
  auto flushed = NewConnection("a");
  {
    TestLock<FakeSide> lock(mutex_);
    EXPECT_FALSE(lock.has_deferred());
    lock.DropLater(NewConnection("b"));
    lock.FlushLater(flushed);
    lock.WakeLater({&log_});
    lock.WakeLater({&log_});
    EXPECT_TRUE(lock.has_deferred());
    EXPECT_THAT(log_, IsEmpty());
  }
  EXPECT_THAT(log_, ElementsAre("wakes", "wakes", "a flushes", "b goes"));
}

TEST_F(DeferringLockTest, FlushesAConnectionOnceThatIsAskedForTwice) {
  auto connection = NewConnection("a");
  {
    TestLock<FakeSide> lock(mutex_);
    EXPECT_FALSE(lock.flushes(connection.get()));
    lock.FlushLater(connection);
    EXPECT_TRUE(lock.flushes(connection.get()));
    lock.FlushLater(connection);
  }
  EXPECT_THAT(log_, ElementsAre("a flushes"));
}

TEST_F(DeferringLockTest, KeepsWhatItHasFlushedWhileItIsGivenUp) {
  TestLock<FakeSide> lock(mutex_);
  lock.FlushLater(NewConnection("a"));
  lock.Unlock();
  EXPECT_THAT(log_, ElementsAre("a flushes"));
  lock.Relock();
  EXPECT_THAT(log_, ElementsAre("a flushes", "a goes"));
}

TEST_F(DeferringLockTest, KeepsNothingThatWasDroppedWhileItIsGivenUp) {
  TestLock<FakeSide> lock(mutex_);
  lock.DropLater(NewConnection("a"));
  lock.Unlock();
  EXPECT_THAT(log_, ElementsAre("a goes"));
  lock.Relock();
}

TEST_F(DeferringLockTest, CollectsAnewOnceItIsTakenAgain) {
  auto connection = NewConnection("a");
  {
    TestLock<FakeSide> lock(mutex_);
    EXPECT_TRUE(lock.Holds(mutex_));
    EXPECT_FALSE(lock.Holds(Mutex()));
    lock.FlushLater(connection);
    lock.Unlock();
    EXPECT_FALSE(lock.Holds(mutex_));
    lock.Relock();
    EXPECT_TRUE(lock.Holds(mutex_));
    EXPECT_FALSE(lock.has_deferred());
    lock.WakeLater({&log_});
  }
  EXPECT_THAT(log_, ElementsAre("a flushes", "wakes"));
}

TEST_F(DeferringLockTest, DoesNothingTwiceIfItGoesWhileItIsGivenUp) {
  auto connection = NewConnection("a");
  {
    TestLock<FakeSide> lock(mutex_);
    lock.FlushLater(connection);
    lock.WakeLater({&log_});
    lock.Unlock();
  }
  EXPECT_THAT(log_, ElementsAre("wakes", "a flushes"));
  TestLock<FakeSide> lock(mutex_);  // it is free
}

TEST_F(DeferringLockTest, ClosesWhatFramesHaveOnceTheMutexIsReleased) {
  ExpectSameDescriptors census;
  UniqueFd file = FileWith("x");
  const int number = file.get();
  {
    TestLock<FakeSide> lock(mutex_);
    lock.DropLater(OutgoingFrames());
    EXPECT_FALSE(lock.has_deferred());
    lock.DropLater(FramesWith(std::move(file)));
    EXPECT_TRUE(IsOpen(number));
    lock.Unlock();
    EXPECT_FALSE(IsOpen(number));
  }
}

TEST_F(DeferringLockTest, MayCloseInTheBackground) {
  ExpectSameDescriptors census;
  auto [ours, theirs] = testing::SocketPair();
  {
    TestLock<ClosingSide> lock(mutex_);
    lock.DropLater(FramesWith(std::move(theirs)));
  }
  pollfd closed = {.fd = ours.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&closed, 1, -1), 1);
  EXPECT_NE(closed.revents & POLLHUP, 0);
}

}  // namespace
}  // namespace fdrpc
