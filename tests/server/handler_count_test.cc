#include "server/handler_count.h"

#include "gtest/gtest.h"
#include "os/poller.h"

namespace fdrpc::testing {
namespace {

class HandlerCountTest : public ::testing::Test {
 protected:
  HandlerCountTest() : wakeup_(*Wakeup::Create()), poller_(*Poller::Create()) {
    EXPECT_TRUE(poller_.Add(wakeup_.fd(), 0, {}).ok());
  }
  bool notified() {
    Poller::Event events[1];
    return !poller_.Wait(absl::MakeSpan(events), MonotonicTime()).empty();
  }

  Wakeup wakeup_;
  Poller poller_;
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
  EXPECT_FALSE(count_.AwaitNone(wakeup_));
  EXPECT_TRUE(count_.awaited());
  count_.Remove();
  EXPECT_FALSE(notified());
  count_.Remove();
  EXPECT_TRUE(notified());
  EXPECT_TRUE(count_.AwaitNone(wakeup_));
}

TEST_F(HandlerCountTest, NotifiesNobodyWhoDoesNotAwaitThat) {
  count_.Add();
  count_.Remove();
  EXPECT_FALSE(notified());
  EXPECT_TRUE(count_.AwaitNone(wakeup_));
}

}  // namespace
}  // namespace fdrpc::testing
