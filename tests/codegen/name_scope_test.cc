#include "codegen/name_scope.h"

#include "gtest/gtest.h"

namespace fdrpc::codegen {
namespace {

TEST(NameScope, LeavesAFreeNameAsItIs) {
  NameScope scope({"taken"});
  EXPECT_EQ(scope.Claim("Open"), "Open");
  EXPECT_EQ(scope.Claim("Taken"), "Taken");
}

TEST(NameScope, PutsAnUnderscoreBehindKeywordsOfCpp20) {
  NameScope scope({});
  EXPECT_EQ(scope.Claim("class"), "class_");
  EXPECT_EQ(scope.Claim("co_await"), "co_await_");
  EXPECT_EQ(scope.Claim("requires"), "requires_");
  EXPECT_EQ(scope.Claim("xor_eq"), "xor_eq_");
}

TEST(NameScope, PutsAnUnderscoreBehindLikelyMacros) {
  NameScope scope({});
  EXPECT_EQ(scope.Claim("NULL"), "NULL_");
  EXPECT_EQ(scope.Claim("errno"), "errno_");
  EXPECT_EQ(scope.Claim("major"), "major_");
}

TEST(NameScope, PutsAnUnderscoreBehindReservedNames) {
  NameScope scope({"Stub"});
  EXPECT_EQ(scope.Claim("Stub"), "Stub_");
}

TEST(NameScope, GivesNoNameTwice) {
  NameScope scope({"file"});
  EXPECT_EQ(scope.Claim("file_"), "file_");
  EXPECT_EQ(scope.Claim("file"), "file__");
  EXPECT_EQ(scope.Claim("file"), "file___");
}

}  // namespace
}  // namespace fdrpc::codegen
