#include "codegen/handler_generator.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated_text.h"

namespace fdrpc::codegen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kAllKinds[] = R"(
    message P {}
    message F { fdrpc.Fd fd = 1; }
    service S {
      rpc One(F) returns (P);
      rpc Up(stream F) returns (P);
      rpc Down(P) returns (stream F);
      rpc Both(stream P) returns (stream P);
    })";

TEST(HandlerGenerator, DeclaresHandlersThatBlock) {
  EXPECT_THAT(Generated(kAllKinds).header,
              AllOf(HasSubstr("    virtual ::absl::Status One(\n"
                              "        ::fdrpc::ServerContext& context,\n"
                              "        ::fdrpc::Parcel<::test::F>& request,\n"
                              "        ::test::P& reply);\n"),
                    HasSubstr("    virtual ::absl::Status Up(\n"
                              "        ::fdrpc::ServerContext& context,\n"
                              "        ::fdrpc::ServerReader<"
                              "::fdrpc::Parcel<::test::F>>& requests,\n"
                              "        ::test::P& reply);\n"),
                    HasSubstr("    virtual ::absl::Status Down(\n"
                              "        ::fdrpc::ServerContext& context,\n"
                              "        const ::test::P& request,\n"
                              "        ::fdrpc::ServerWriter<"
                              "::fdrpc::Parcel<::test::F>>& replies);\n"),
                    HasSubstr("    virtual ::absl::Status Both(\n"
                              "        ::fdrpc::ServerContext& context,\n"
                              "        ::fdrpc::ServerStream<"
                              "::test::P, ::test::P>& stream);\n")));
}

TEST(HandlerGenerator, DeclaresHandlersThatTakeAHandle) {
  EXPECT_THAT(
      Generated(kAllKinds).header,
      AllOf(HasSubstr("    virtual void One(\n"
                      "        ::fdrpc::AsyncServerUnary<"
                      "::fdrpc::Parcel<::test::F>, ::test::P> call);\n"),
            HasSubstr("    virtual void Up(\n"
                      "        ::fdrpc::AsyncServerReader<"
                      "::fdrpc::Parcel<::test::F>, ::test::P> call);\n"),
            HasSubstr("    virtual void Down(\n"
                      "        ::fdrpc::AsyncServerWriter<"
                      "::test::P, ::fdrpc::Parcel<::test::F>> call);\n"),
            HasSubstr("    virtual void Both("
                      "::fdrpc::AsyncServerStream<"
                      "::test::P, ::test::P> call);\n")));
}

TEST(HandlerGenerator, DeclaresHandlersThatAreCoroutines) {
  EXPECT_THAT(Generated(kAllKinds).header,
              AllOf(HasSubstr("    virtual ::fdrpc::Task<::absl::Status> One(\n"
                              "        ::fdrpc::ServerContext& context,\n"
                              "        ::fdrpc::Parcel<::test::F>& request,\n"
                              "        ::test::P& reply);\n"),
                    HasSubstr("        ::fdrpc::CoServerReader<"
                              "::fdrpc::Parcel<::test::F>>& requests,\n"
                              "        ::test::P& reply);\n"),
                    HasSubstr("        const ::test::P& request,\n"
                              "        ::fdrpc::CoServerWriter<"
                              "::fdrpc::Parcel<::test::F>>& replies);\n"),
                    HasSubstr("        ::fdrpc::CoServerStream<"
                              "::test::P, ::test::P>& stream);\n")));
}

TEST(HandlerGenerator, DefinesHandlersThatAnswerUnimplemented) {
  EXPECT_THAT(
      Generated(kAllKinds).source,
      AllOf(HasSubstr("::absl::Status S::Service::Both(\n"
                      "    ::fdrpc::ServerContext& /*context*/,\n"
                      "    ::fdrpc::ServerStream<::test::P, ::test::P>& "
                      "/*stream*/) {\n"
                      "  return ::absl::UnimplementedError("
                      "\"test.S/Both is not implemented\");\n"
                      "}\n"),
            HasSubstr("void S::AsyncService::Both(\n"
                      "    ::fdrpc::AsyncServerStream<::test::P, ::test::P> "
                      "call) {\n"
                      "  call.Finish(::absl::UnimplementedError("
                      "\"test.S/Both is not implemented\"));\n"
                      "}\n"),
            HasSubstr("::fdrpc::Task<::absl::Status> S::CoService::Both(\n"
                      "    ::fdrpc::ServerContext& /*context*/,\n"
                      "    ::fdrpc::CoServerStream<::test::P, ::test::P>& "
                      "/*stream*/) {\n"
                      "  co_return ::absl::UnimplementedError("
                      "\"test.S/Both is not implemented\");\n"
                      "}\n")));
}

TEST(HandlerGenerator, ListsEveryMethodWithWhatServesIt) {
  EXPECT_THAT(
      Generated(kAllKinds).source,
      AllOf(
          HasSubstr(
              "      {.method = &Methods::kUp,\n"
              "       .serve = "
              "::fdrpc::internal::ServeBlocking<&Service::Up>::Serve},\n"),
          HasSubstr(
              "      {.method = &Methods::kUp,\n"
              "       .serve = "
              "::fdrpc::internal::ServeAsync<&AsyncService::Up>::Serve},\n"),
          HasSubstr("      {.method = &Methods::kUp,\n"
                    "       .serve = "
                    "::fdrpc::internal::ServeCo<&CoService::Up>::Serve},\n")));
}

}  // namespace
}  // namespace fdrpc::codegen
