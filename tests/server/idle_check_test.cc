#include "server/idle_check.h"

#include "gtest/gtest.h"

namespace fdrpc {
namespace {

TEST(IdleCheckTest, WithoutAnyCallTheFirstLookFindsItIdle) {
  IdleCheck check;
  EXPECT_TRUE(check.Look(/*busy=*/false, 0));
}

TEST(IdleCheckTest, CallsSinceTheLastLookKeepIt) {
  IdleCheck check;
  EXPECT_FALSE(check.Look(false, 1));
  EXPECT_FALSE(check.Look(false, 2));
  EXPECT_TRUE(check.Look(false, 2));
}

TEST(IdleCheckTest, ACallInProgressKeepsItAndIsNotForgottenAtOnce) {
  IdleCheck check;
  EXPECT_FALSE(check.Look(true, 1));
  EXPECT_FALSE(check.Look(true, 1));
  // It may have ended a moment ago.
  EXPECT_FALSE(check.Look(false, 1));
  EXPECT_TRUE(check.Look(false, 1));
}

}  // namespace
}  // namespace fdrpc
