#include "server/handler_count.h"

#include "gtest/gtest.h"
#include "loop/reactor.h"

namespace fdrpc::testing {
namespace {

class HandlerCountTest : public ::testing::Test {
 protected:
  HandlerCountTest() {
    waker_.Begin(*reactor_, std::weak_ptr<Reactor::Source>());
  }
  bool notified() { return reactor_->next_deadline() == MonotonicTime(); }

  const std::shared_ptr<Reactor> reactor_ =
      *Reactor::Create(absl::ZeroDuration(), Clock::Real());
  Waker waker_;
  HandlerCount count_;
};

TEST_F(HandlerCountTest, CountsThoseThatCameAndThoseThatRun) {
  count_.Add();
  count_.Add();
  count_.Remove();
  EXPECT_EQ(count_.added(), 2u);
  EXPECT_EQ(count_.running(), 1u);
}

TEST_F(HandlerCountTest, NotifiesWhoAwaitsThatNoneRuns) {
  count_.Add();
  count_.Add();
  EXPECT_FALSE(count_.awaited());
  EXPECT_FALSE(count_.AwaitNone(waker_));
  EXPECT_TRUE(count_.awaited());
  count_.Remove();
  EXPECT_FALSE(notified());
  count_.Remove();
  EXPECT_TRUE(notified());
  EXPECT_TRUE(count_.AwaitNone(waker_));
}

TEST_F(HandlerCountTest, NotifiesNobodyWhoDoesNotAwaitThat) {
  count_.Add();
  count_.Remove();
  EXPECT_FALSE(notified());
  EXPECT_TRUE(count_.AwaitNone(waker_));
}

}  // namespace
}  // namespace fdrpc::testing
