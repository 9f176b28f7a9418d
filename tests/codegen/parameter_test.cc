#include "codegen/parameter.h"

#include "gtest/gtest.h"

namespace fdrpc::codegen {
namespace {

TEST(Parameter, HasItsDefaultInADeclarationAlone) {
  const Parameter parameter = {"int", "x", "1"};
  EXPECT_EQ(parameter.Declared(), "int x = 1");
  EXPECT_EQ(parameter.Defined(), "int x");
  EXPECT_EQ((Parameter{"int", "x"}.Declared()), "int x");
}

TEST(Parameter, HasNoNameWhereItIsNotUsed) {
  EXPECT_EQ((Parameter{"int", "x", "1"}.Unused()), "int /*x*/");
}

}  // namespace
}  // namespace fdrpc::codegen
