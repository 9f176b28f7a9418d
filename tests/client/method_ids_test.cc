#include "client/method_ids.h"

#include <string>

#include "gtest/gtest.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

TEST(MethodIdsTest, CountsFromOneInTheOrderOfFirstUse) {
  MethodIds methods;
  for (const char* name : {"p.S/A", "p.S/B", "p.S/C"}) {
    EXPECT_TRUE(methods.Of(name).is_new) << name;
  }
  EXPECT_EQ(methods.Of("p.S/A").id, 1u);
  EXPECT_EQ(methods.Of("p.S/B").id, 2u);
  EXPECT_EQ(methods.Of("p.S/C").id, 3u);
}

TEST(MethodIdsTest, AMethodIsNewOnce) {
  MethodIds methods;
  EXPECT_TRUE(methods.Of("p.S/A").is_new);
  EXPECT_FALSE(methods.Of("p.S/A").is_new) << "the last one";
  EXPECT_TRUE(methods.Of("p.S/B").is_new);
  EXPECT_FALSE(methods.Of("p.S/A").is_new);
}

TEST(MethodIdsTest, KnowsAMethodByItsNameAndNotByTheNamesAddress) {
  MethodIds methods;
  std::string name = "p.S/A";
  EXPECT_EQ(methods.Of(name).id, 1u);
  name = "p.S/B";
  EXPECT_EQ(methods.Of(name).id, 2u);
  EXPECT_EQ(methods.Of(std::string("p.S/A")).id, 1u);
}

TEST(MethodIdsTest, ThereAreSoManyAndNoMore) {
  MethodIds methods;
  for (size_t i = 0; i < kMaxMethods; ++i) {
    const std::string name = "p.S/M" + std::to_string(i);
    ASSERT_TRUE(methods.MayHave(name));
    ASSERT_EQ(methods.Of(name).id, i + 1);
  }
  EXPECT_TRUE(methods.MayHave("p.S/M0")) << "it has one";
  EXPECT_FALSE(methods.MayHave("p.S/Another"));
}

}  // namespace
}  // namespace fdrpc
