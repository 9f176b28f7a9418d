#include "server/handler_stop.h"

#include "gtest/gtest.h"
#include "tests/server/fake_executor.h"

namespace fdrpc::testing {
namespace {

TEST(HandlerStop, IsSetOnce) {
  HandlerStop stop;
  EXPECT_FALSE(stop.is_set());
  EXPECT_TRUE(stop.Set());
  EXPECT_FALSE(stop.Set());
  EXPECT_TRUE(stop.is_set());
}

TEST(HandlerStop, CallbacksAreRunByTheExecutor) {
  FakeExecutor executor;
  HandlerStop stop;
  int runs = 0;
  std::stop_callback callback(stop.token(), [&runs] { ++runs; });
  stop.Set();
  stop.PostCallbacks(executor);
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(executor.RunPosted(), 1);
  EXPECT_EQ(runs, 1);
}

TEST(HandlerStop, NothingIsRunIfNobodyHasAskedForTheToken) {
  FakeExecutor executor;
  HandlerStop stop;
  stop.Set();
  stop.PostCallbacks(executor);
  EXPECT_TRUE(executor.nothing_posted());
  EXPECT_TRUE(stop.token().stop_requested()) << "asked for afterwards";
}

TEST(HandlerStop, ATokenOutlivesIt) {
  FakeExecutor executor;
  auto stop = std::make_unique<HandlerStop>();
  const std::stop_token token = stop->token();
  stop->Set();
  stop->PostCallbacks(executor);
  stop.reset();
  executor.RunPosted();
  EXPECT_TRUE(token.stop_requested());
}

}  // namespace
}  // namespace fdrpc::testing
