#include "server/call_table.h"

#include "gtest/gtest.h"
#include "server/incoming_call.h"
#include "tests/server/incoming_call_fixture.h"

namespace fdrpc::testing {
namespace {

class CallTableTest : public ::testing::Test {
 protected:
  std::shared_ptr<IncomingCall> NewCall(uint32_t id, bool one_way = false) {
    return std::make_shared<IncomingCall>(
        origin_,
        IncomingCall::Terms{
            .id = id, .method = service_.registered(), .one_way = one_way});
  }

  const ServerOptions options_ = {.max_calls_per_connection = 2,
                                  .max_held_bytes_per_connection = 100,
                                  .max_held_descriptors_per_connection = 3};
  CallTable table_{options_, nullptr};
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
  EXPECT_TRUE(absl::IsResourceExhausted(table_.Add(NewCall(3))));
  table_.OnCallGone(false);
  table_.Remove(1);
  EXPECT_TRUE(table_.Add(NewCall(4)).ok());
}

TEST_F(CallTableTest, RefusesCallsWhileTwiceAsManyExist) {
  // Their handlers run on.
  for (uint32_t id = 1; id <= 4; ++id) {
    EXPECT_TRUE(table_.Add(NewCall(id)).ok());
    table_.Remove(id);
  }
  EXPECT_TRUE(absl::IsResourceExhausted(table_.Add(NewCall(5))));
  table_.OnCallGone(false);
  table_.OnCallGone(false);
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

TEST_F(CallTableTest, SaysWhenThereAreTooManyOneWayCallsAndWhenFewAgain) {
  EXPECT_TRUE(table_.Add(NewCall(1)).ok());
  EXPECT_TRUE(table_.Charge(100, 3).ok());
  EXPECT_FALSE(table_.TooManyOneWays()) << "there are none";
  EXPECT_TRUE(table_.FewOneWays());
  table_.Release(100, 3);
  EXPECT_TRUE(table_.Add(NewCall(2, /*one_way=*/true)).ok());
  EXPECT_FALSE(table_.TooManyOneWays());
  EXPECT_TRUE(table_.Charge(50, 0).ok());
  EXPECT_TRUE(table_.TooManyOneWays()) << "half of the bytes";
  table_.Release(50, 0);
  EXPECT_FALSE(table_.TooManyOneWays());
  EXPECT_TRUE(table_.Add(NewCall(3, /*one_way=*/true)).ok());
  EXPECT_TRUE(table_.TooManyOneWays()) << "as many as the limit";
  EXPECT_FALSE(table_.FewOneWays());
  table_.OnCallGone(/*one_way=*/true);
  EXPECT_FALSE(table_.FewOneWays());
  table_.OnCallGone(/*one_way=*/true);
  EXPECT_TRUE(table_.FewOneWays());
}

TEST_F(CallTableTest, AddsNothingOnceItIsClosed) {
  EXPECT_TRUE(table_.Add(NewCall(1)).ok());
  EXPECT_EQ(table_.Close().size(), 1u);
  EXPECT_NE(table_.Find(1), nullptr);
  EXPECT_TRUE(absl::IsUnavailable(table_.Add(NewCall(2))));
}

TEST_F(CallTableTest, KeepsTheAccountOfWhatIsHeld) {
  EXPECT_TRUE(table_.Charge(100, 2).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(table_.Charge(1, 0)));
  EXPECT_TRUE(absl::IsResourceExhausted(table_.Charge(0, 2)));
  EXPECT_TRUE(table_.Charge(0, 1).ok());
  table_.Release(50, 3);
  EXPECT_TRUE(table_.Charge(50, 3).ok());
}

}  // namespace
}  // namespace fdrpc::testing
