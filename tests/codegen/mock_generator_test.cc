#include "codegen/mock_generator.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated_text.h"

namespace fdrpc::codegen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kMockedKinds[] = R"(
    message P {}
    message F { fdrpc.Fd fd = 1; }
    service S {
      rpc One(F) returns (P);
      rpc Up(stream F) returns (P);
      rpc Down(P) returns (stream F);
      rpc Both(stream P) returns (stream P);
    })";

TEST(MockGenerator, MocksTheHandlersThatBlock) {
  EXPECT_THAT(GeneratedMocks(kMockedKinds),
              AllOf(HasSubstr("class MockS : public S::Service {\n"),
                    HasSubstr("  MOCK_METHOD(\n"
                              "      ::absl::Status, One,\n"
                              "      (::fdrpc::ServerContext&, "
                              "::fdrpc::Parcel<::test::F>&, ::test::P&),\n"
                              "      (override));\n"),
                    HasSubstr("          ::fdrpc::ServerReader<"
                              "::fdrpc::Parcel<::test::F>>&, ::test::P&),\n"),
                    HasSubstr("const ::test::P&,\n"
                              "          ::fdrpc::ServerWriter<"
                              "::fdrpc::Parcel<::test::F>>&),\n")));
}

TEST(MockGenerator, PutsTypesWithCommasInParentheses) {
  EXPECT_THAT(GeneratedMocks(kMockedKinds),
              HasSubstr("(::fdrpc::ServerStream<::test::P, ::test::P>&)),\n"));
}

TEST(MockGenerator, LeavesToTheBaseWhatIsNotExpected) {
  EXPECT_THAT(
      GeneratedMocks(kMockedKinds),
      AllOf(HasSubstr("    ON_CALL(*this, One)\n"
                      "        .WillByDefault([this](auto& context, auto& "
                      "request, auto& reply) {\n"
                      "          return S::Service::One(context, request, "
                      "reply);\n"
                      "        });\n"),
            HasSubstr("          return S::Service::Both(context, stream);")));
}

TEST(MockGenerator, IncludesWhatItMocksAndGoogleMock) {
  EXPECT_THAT(GeneratedMocks(kMockedKinds),
              AllOf(HasSubstr("#include \"gmock/gmock.h\"\n"),
                    HasSubstr("#include \"x.fdrpc.h\"\n")));
  const GeneratedFile generated = Generated(kMockedKinds);
  EXPECT_THAT(generated.header + generated.source, Not(HasSubstr("mock")));
}

TEST(MockGenerator, HasNothingToDoWithoutServicesOrMethods) {
  EXPECT_THAT(GeneratedMocks("message M { fdrpc.Fd fd = 1; }"),
              AllOf(Not(HasSubstr("gmock")), Not(HasSubstr("class"))));
  EXPECT_THAT(GeneratedMocks("service S {}"),
              HasSubstr("class MockS : public S::Service {};\n"));
}

TEST(MockGenerator, MocksWhatIsDeprecatedWithoutAWarning) {
  EXPECT_THAT(GeneratedMocks("service S { option deprecated = true; }"),
              AllOf(HasSubstr("#pragma GCC diagnostic push\n"),
                    HasSubstr("#pragma GCC diagnostic pop\n")));
  EXPECT_THAT(GeneratedMocks("service S {}"), Not(HasSubstr("#pragma")));
}

}  // namespace
}  // namespace fdrpc::codegen
