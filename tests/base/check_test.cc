#include "base/check.h"

#include "gtest/gtest.h"

namespace fdrpc {
namespace {

TEST(CheckTest, LetsTrueConditionsPassAndEvaluatesThemOnce) {
  int evaluated = 0;
  FDRPC_CHECK(++evaluated == 1, "never said");
  EXPECT_EQ(evaluated, 1);
}

TEST(CheckDeathTest, SaysWhatWasMisusedAndWhere) {
  EXPECT_DEATH(FDRPC_CHECK(false, "what was misused"),
               "fdrpc: .*check_test.cc:[0-9]+: what was misused");
}

}  // namespace
}  // namespace fdrpc
