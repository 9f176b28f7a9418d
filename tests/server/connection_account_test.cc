#include "server/connection_account.h"

#include "gtest/gtest.h"

namespace fdrpc::testing {
namespace {

class ConnectionAccountTest : public ::testing::Test {
 protected:
  const ServerOptions options_ = {.max_calls_per_connection = 2,
                                  .max_held_bytes_per_connection = 100,
                                  .max_held_descriptors_per_connection = 3};
  ConnectionAccount account_{options_, nullptr};
};

TEST_F(ConnectionAccountTest, SaysHowManyCallsOfAKindThereWere) {
  EXPECT_EQ(account_.AddCall(/*one_way=*/false), 0u);
  EXPECT_EQ(account_.AddCall(/*one_way=*/false), 1u);
  EXPECT_EQ(account_.AddCall(/*one_way=*/true), 0u);
  account_.RemoveCall(/*one_way=*/false);
  EXPECT_EQ(account_.AddCall(/*one_way=*/false), 1u);
  EXPECT_EQ(account_.AddCall(/*one_way=*/true), 1u);
}

TEST_F(ConnectionAccountTest, SaysWhenThereAreTooManyOneWayCallsAndFewAgain) {
  account_.AddCall(/*one_way=*/false);
  EXPECT_TRUE(account_.Charge(100, 3).ok());
  EXPECT_FALSE(account_.TooManyOneWays()) << "there are none";
  EXPECT_TRUE(account_.FewOneWays());
  account_.Release(100, 3);
  account_.AddCall(/*one_way=*/true);
  EXPECT_FALSE(account_.TooManyOneWays());
  EXPECT_TRUE(account_.Charge(50, 0).ok());
  EXPECT_TRUE(account_.TooManyOneWays()) << "half of the bytes";
  account_.Release(50, 0);
  EXPECT_FALSE(account_.TooManyOneWays());
  account_.AddCall(/*one_way=*/true);
  EXPECT_TRUE(account_.TooManyOneWays()) << "as many as the limit";
  EXPECT_FALSE(account_.FewOneWays());
  account_.RemoveCall(/*one_way=*/true);
  EXPECT_FALSE(account_.FewOneWays());
  account_.RemoveCall(/*one_way=*/true);
  EXPECT_TRUE(account_.FewOneWays());
}

TEST_F(ConnectionAccountTest, HoldsNoMoreThanTheLimits) {
  EXPECT_TRUE(account_.Charge(100, 2).ok());
  EXPECT_EQ(account_.Charge(1, 0),
            absl::ResourceExhaustedError(
                "the connection's requests hold the limit of 100 bytes or 3 "
                "descriptors (ServerOptions::max_held_bytes_per_connection, "
                "max_held_descriptors_per_connection): wait until calls in "
                "progress have ended"));
  EXPECT_TRUE(absl::IsResourceExhausted(account_.Charge(0, 2)));
  EXPECT_TRUE(account_.Charge(0, 1).ok());
  EXPECT_EQ(account_.held_bytes(), 100u);
  EXPECT_EQ(account_.held_descriptors(), 3u);
  account_.Release(50, 3);
  EXPECT_TRUE(account_.Charge(50, 3).ok());
}

}  // namespace
}  // namespace fdrpc::testing
