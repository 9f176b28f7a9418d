// The lifetime of the handles of a generated AsyncService.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/direct_caller.h"
#include "tests/codegen/generated/everything_services.h"

namespace fdrpc {
namespace {

// Drops every handle.
class Careless final : public Everything::AsyncService {
 public:
  void PlainToPlain(AsyncServerUnary<Plain, Plain>) override {}
  void PlainsToPlain(AsyncServerReader<Plain, Plain> call) override {
    call.Read([](std::optional<Plain> /*request*/) {});
  }
  void PlainToPlains(AsyncServerWriter<Plain, Plain> call) override {
    call.Write(Text("one"), [](bool /*sent*/) {});
  }
  void PlainsToPlains(AsyncServerStream<Plain, Plain>) override {}
};

TEST(AsyncService, EndsACallWhoseHandleIsDroppedWithInternal) {
  Careless service;
  const auto caller = std::make_shared<DirectCaller>(service);
  const Everything::Stub stub(caller);
  const absl::Status dropped =
      absl::InternalError("the handler dropped the call");
  EXPECT_EQ(stub.PlainToPlain(Text("x")).status(), dropped);

  ClientWriter<Plain, Plain> requests = stub.PlainsToPlain();
  requests.WriteLast(Text("x"));
  EXPECT_EQ(requests.Finish().status(), dropped);

  ClientReader<Plain> replies = stub.PlainToPlains(Text("x"));
  EXPECT_EQ(replies.Read().value_or(Plain()).text(), "one");
  EXPECT_EQ(replies.Finish(), dropped);

  EXPECT_EQ(stub.PlainsToPlains().Finish(), dropped);
}

// Keeps the handle of a unary call.
class Patient final : public Everything::AsyncService {
 public:
  void PlainToPlain(AsyncServerUnary<Plain, Plain> call) override {
    kept = std::move(call);
  }
  std::optional<AsyncServerUnary<Plain, Plain>> kept;
};

TEST(AsyncService, EndsACallWhenItsHandlerHasLongReturned) {
  Patient service;
  const auto caller = std::make_shared<DirectCaller>(service);
  std::optional<absl::StatusOr<Plain>> reply;
  Everything::Stub(caller).async().PlainToPlain(
      Text("x"), {}, [&](absl::StatusOr<Plain> got) { reply = got; });
  caller->waits.Run();
  EXPECT_FALSE(reply.has_value());

  service.kept->Finish(Text("late"));
  service.kept->Finish(absl::AbortedError("the first Finish() counts"));
  service.kept.reset();
  caller->waits.Run();
  ASSERT_TRUE(reply.has_value());
  ASSERT_TRUE(reply->ok()) << reply->status();
  EXPECT_EQ((*reply)->text(), "late");
}

}  // namespace
}  // namespace fdrpc
