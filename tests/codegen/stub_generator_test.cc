#include "codegen/stub_generator.h"

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
      rpc One(P) returns (F);
      rpc Up(stream F) returns (P);
      rpc Down(P) returns (stream F);
      rpc Both(stream P) returns (stream P);
    })";

TEST(StubGenerator, TakesAParcelByValueAndAMessageByReference) {
  EXPECT_THAT(
      Generated(R"(
          message Plain {}
          message WithFd { fdrpc.Fd fd = 1; }
          service S {
            rpc A(Plain) returns (WithFd);
            rpc B(WithFd) returns (Plain);
          })")
          .header,
      AllOf(HasSubstr("::absl::StatusOr<::fdrpc::Parcel<::test::WithFd>> A(\n"
                      "        const ::test::Plain& request,"),
            HasSubstr("::absl::StatusOr<::test::Plain> B(\n"
                      "        ::fdrpc::Parcel<::test::WithFd> request,")));
}

TEST(StubGenerator, DeclaresCallsThatBlock) {
  EXPECT_THAT(
      Generated(kAllKinds).header,
      AllOf(HasSubstr("    ::absl::StatusOr<::fdrpc::Parcel<::test::F>> One(\n"
                      "        const ::test::P& request,\n"
                      "        const ::fdrpc::CallOptions& options = {}) "
                      "const;\n"),
            HasSubstr("    ::fdrpc::ClientWriter<::fdrpc::Parcel<::test::F>, "
                      "::test::P> Up(\n"
                      "        const ::fdrpc::CallOptions& options = {}) "
                      "const;\n"),
            HasSubstr("    ::fdrpc::ClientReader<::fdrpc::Parcel<::test::F>> "
                      "Down(\n"
                      "        const ::test::P& request,\n"
                      "        const ::fdrpc::CallOptions& options = {}) "
                      "const;\n"),
            HasSubstr("    ::fdrpc::ClientStream<::test::P, ::test::P> Both(\n"
                      "        const ::fdrpc::CallOptions& options = {}) "
                      "const;\n")));
}

TEST(StubGenerator, DeclaresCallsWithCallbacks) {
  EXPECT_THAT(
      Generated(kAllKinds).header,
      AllOf(HasSubstr("      void One(\n"
                      "          const ::test::P& request,\n"
                      "          const ::fdrpc::CallOptions& options,\n"
                      "          ::absl::AnyInvocable<\n"
                      "              void(::absl::StatusOr<"
                      "::fdrpc::Parcel<::test::F>>)> done) const;\n"),
            HasSubstr("      ::fdrpc::AsyncClientWriter<"
                      "::fdrpc::Parcel<::test::F>, ::test::P> Up(\n"
                      "          const ::fdrpc::CallOptions& options = {}) "
                      "const;\n"),
            HasSubstr("      ::fdrpc::AsyncClientReader<"
                      "::fdrpc::Parcel<::test::F>> Down(\n"
                      "          const ::test::P& request,\n"
                      "          const ::fdrpc::CallOptions& options = {}) "
                      "const;\n"),
            HasSubstr("      ::fdrpc::AsyncClientStream<::test::P, ::test::P> "
                      "Both(\n"
                      "          const ::fdrpc::CallOptions& options = {}) "
                      "const;\n")));
}

TEST(StubGenerator, DeclaresCallsForCoroutines) {
  EXPECT_THAT(
      Generated(kAllKinds).header,
      AllOf(HasSubstr("      ::fdrpc::CoReply<::fdrpc::Parcel<::test::F>> "
                      "One(\n"
                      "          const ::test::P& request,\n"
                      "          const ::fdrpc::CallOptions& options = {}) "
                      "const;\n"),
            HasSubstr("      ::fdrpc::CoClientWriter<"
                      "::fdrpc::Parcel<::test::F>, ::test::P> Up(\n"),
            HasSubstr("      ::fdrpc::CoClientReader<"
                      "::fdrpc::Parcel<::test::F>> Down(\n"
                      "          const ::test::P& request,\n"),
            HasSubstr("      ::fdrpc::CoClientStream<::test::P, ::test::P> "
                      "Both(\n")));
}

TEST(StubGenerator, MakesUnaryCallsInOneFunctionOfTheRuntime) {
  EXPECT_THAT(
      Generated(kAllKinds).source,
      AllOf(HasSubstr("  return ::fdrpc::internal::BlockingUnary<"
                      "::fdrpc::Parcel<::test::F>>(\n"
                      "      *caller_, Methods::kOne, request, options);\n"),
            HasSubstr(
                "  ::fdrpc::internal::AsyncUnary<::fdrpc::Parcel<::test::F>>(\n"
                "      *caller_, Methods::kOne, request, options, "
                "::std::move(done));\n"),
            HasSubstr("  return ::fdrpc::CoReply<::fdrpc::Parcel<::test::F>>(\n"
                      "      ::fdrpc::internal::StartWithRequest(\n"
                      "          *caller_, Methods::kOne, request, options,\n"
                      "          ::fdrpc::CallForm::kNotified));\n")));
}

TEST(StubGenerator, BeginsCallsWithTheirRequestOrWithout) {
  EXPECT_THAT(
      Generated(kAllKinds).source,
      AllOf(HasSubstr("  return ::fdrpc::ClientStream<::test::P, ::test::P>(\n"
                      "      caller_->StartCall(\n"
                      "          Methods::kBoth, nullptr, options, "
                      "::fdrpc::CallForm::kBlocking));\n"),
            HasSubstr("  return ::fdrpc::AsyncClientReader<"
                      "::fdrpc::Parcel<::test::F>>(\n"
                      "      ::fdrpc::internal::StartWithRequest(\n"
                      "          *caller_, Methods::kDown, request, options,\n"
                      "          ::fdrpc::CallForm::kNotified));\n")));
}

}  // namespace
}  // namespace fdrpc::codegen
