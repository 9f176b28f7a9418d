#include "server/call_table.h"

#include "gtest/gtest.h"
#include "server/incoming_call.h"
#include "tests/server/incoming_call_fixture.h"

namespace fdrpc::testing {
namespace {

class CallTableTest : public ::testing::Test {
 protected:
  std::shared_ptr<IncomingCall> NewCall(uint32_t id, bool one_way = false) {
    origin_->counters.handlers.Add();
    return std::make_shared<IncomingCall>(
        origin_, origin_->environment,
        IncomingCall::Terms{
            .id = id, .method = service_.registered(), .one_way = one_way});
  }

  const ServerOptions options_ = {
      .max_calls_per_connection = 2,
  };
  ConnectionAccount account_{options_, nullptr};
  CallTable table_{options_, account_};
  KeepingService service_{MethodKind::kUnary};
  std::shared_ptr<FakeOrigin> origin_ = std::make_shared<FakeOrigin>();
};

TEST_F(CallTableTest, FindsCallsByTheirIdUntilTheyAreRemoved) {
  EXPECT_TRUE(table_.empty());
  const std::shared_ptr<IncomingCall> call = NewCall(5);
  EXPECT_TRUE(table_.Add(call).ok());
  EXPECT_EQ(table_.Find(5), call);
  EXPECT_EQ(table_.Find(6), nullptr);
  EXPECT_EQ(table_.All().size(), 1u);
  EXPECT_EQ(table_.Remove(5), call);
  EXPECT_EQ(table_.Remove(5), nullptr);
  EXPECT_TRUE(table_.empty());
}

TEST_F(CallTableTest, RefusesCallsBeyondTheLimitOfThoseInProgress) {
  EXPECT_TRUE(table_.Add(NewCall(1)).ok());
  EXPECT_TRUE(table_.Add(NewCall(2)).ok());
  EXPECT_EQ(table_.Add(NewCall(3)),
            absl::ResourceExhaustedError(
                "the connection has 2 calls in progress, the limit "
                "(ServerOptions::max_calls_per_connection): wait until one of "
                "them has ended"));
  account_.RemoveCall(false);
  table_.Remove(1);
  EXPECT_TRUE(table_.Add(NewCall(4)).ok());
}

TEST_F(CallTableTest, RefusesCallsWhileTwiceAsManyExist) {
  // Their handlers continue.
  for (uint32_t id = 1; id <= 4; ++id) {
    EXPECT_TRUE(table_.Add(NewCall(id)).ok());
    table_.Remove(id);
  }
  EXPECT_TRUE(absl::IsResourceExhausted(table_.Add(NewCall(5))));
  account_.RemoveCall(false);
  account_.RemoveCall(false);
  EXPECT_TRUE(table_.Add(NewCall(6)).ok());
}

TEST_F(CallTableTest, OneWayCallsHaveNoPartInTheLimit) {
  for (uint32_t id = 1; id <= 9; ++id) {
    EXPECT_TRUE(table_.Add(NewCall(id, /*one_way=*/true)).ok());
  }
  EXPECT_TRUE(table_.Add(NewCall(10)).ok());
  EXPECT_TRUE(table_.Add(NewCall(11)).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(table_.Add(NewCall(12))));
  table_.Remove(1);
  EXPECT_TRUE(absl::IsResourceExhausted(table_.Add(NewCall(13))));
}

TEST_F(CallTableTest, AddsNothingOnceItIsClosed) {
  EXPECT_TRUE(table_.Add(NewCall(1)).ok());
  EXPECT_EQ(table_.Close().size(), 1u);
  EXPECT_NE(table_.Find(1), nullptr);
  EXPECT_TRUE(absl::IsUnavailable(table_.Add(NewCall(2))));
}

}  // namespace
}  // namespace fdrpc::testing
