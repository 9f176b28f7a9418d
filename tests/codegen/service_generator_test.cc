#include "codegen/service_generator.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated_text.h"

namespace fdrpc::codegen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ServiceGenerator, TellsTheRuntimeWhatAMethodIs) {
  EXPECT_THAT(
      Generated(R"(
          message P {}
          message F { fdrpc.Fd fd = 1; }
          service S {
            rpc One(P) returns (P);
            rpc Up(stream F) returns (P);
            rpc Down(P) returns (stream F);
            rpc Both(stream F) returns (stream F);
          })")
          .source,
      AllOf(HasSubstr("      .full_name = \"test.S/One\",\n"
                      "      .kind = ::fdrpc::MethodKind::kUnary,\n"
                      "      .request_has_descriptors = false,\n"
                      "      .reply_has_descriptors = false,\n"),
            HasSubstr("      .kind = ::fdrpc::MethodKind::kClientStreaming,\n"
                      "      .request_has_descriptors = true,\n"
                      "      .reply_has_descriptors = false,\n"),
            HasSubstr("      .kind = ::fdrpc::MethodKind::kServerStreaming,\n"
                      "      .request_has_descriptors = false,\n"
                      "      .reply_has_descriptors = true,\n"),
            HasSubstr("      .kind = ::fdrpc::MethodKind::kBidirectional,\n"
                      "      .request_has_descriptors = true,\n"
                      "      .reply_has_descriptors = true,\n")));
}

TEST(ServiceGenerator, HasNoConstantsWhereThereAreNoMethods) {
  const GeneratedFile generated = Generated("service S {}");
  EXPECT_THAT(generated.header + generated.source, Not(HasSubstr("Methods")));
}

}  // namespace
}  // namespace fdrpc::codegen
