// Generated stubs: what each function of each form passes to the channel, and
// that its result is the call.

#include "fdrpc/internal/stub.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/direct_caller.h"
#include "tests/codegen/generated/everything_services.h"

namespace fdrpc {
namespace {

using ::testing::ElementsAre;

class GeneratedStubTest : public ::testing::Test {
 protected:
  // Expects one call of each method from PlainToPlain to ParcelsToParcels.
  void ExpectAllMethods(std::optional<CallForm> unary_form,
                        CallForm stream_form) {
    ASSERT_EQ(caller_->calls.size(), 16);
    for (size_t i = 0; i < caller_->calls.size(); ++i) {
      const DirectCaller::MadeCall& made = caller_->calls[i];
      const Method& method = *service_.method_handlers()[i].method;
      EXPECT_EQ(made.method, &method)
          << method.full_name << " " << made.method->full_name;
      const bool unary = method.kind == MethodKind::kUnary;
      EXPECT_EQ(made.form, unary ? unary_form : stream_form)
          << method.full_name;
      EXPECT_EQ(made.has_request,
                unary || method.kind == MethodKind::kServerStreaming)
          << method.full_name;
      EXPECT_EQ(made.metadata.Get("key"), "value") << method.full_name;
    }
  }

  BlockingEverything service_;
  const std::shared_ptr<DirectCaller> caller_ =
      std::make_shared<DirectCaller>(service_);
  const Everything::Stub stub_{caller_};
  const CallOptions options_ = {.metadata = {{"key", "value"}}};
};

TEST_F(GeneratedStubTest, PassesItsMethodsToCallsThatBlock) {
  const Everything::Stub& stub = stub_;
  stub.PlainToPlain({}, options_).IgnoreError();
  stub.PlainToParcel({}, options_).IgnoreError();
  stub.ParcelToPlain({}, options_).IgnoreError();
  stub.ParcelToParcel({}, options_).IgnoreError();
  stub.PlainsToPlain(options_);
  stub.PlainsToParcel(options_);
  stub.ParcelsToPlain(options_);
  stub.ParcelsToParcel(options_);
  stub.PlainToPlains({}, options_);
  stub.PlainToParcels({}, options_);
  stub.ParcelToPlains({}, options_);
  stub.ParcelToParcels({}, options_);
  stub.PlainsToPlains(options_);
  stub.PlainsToParcels(options_);
  stub.ParcelsToPlains(options_);
  stub.ParcelsToParcels(options_);
  ExpectAllMethods(std::nullopt, CallForm::kBlocking);
}

TEST_F(GeneratedStubTest, PassesItsMethodsToCallsWithCallbacks) {
  const Everything::Stub::Async stub = stub_.async();
  const auto ignore = [](auto /*reply*/) {};
  stub.PlainToPlain({}, options_, ignore);
  stub.PlainToParcel({}, options_, ignore);
  stub.ParcelToPlain({}, options_, ignore);
  stub.ParcelToParcel({}, options_, ignore);
  stub.PlainsToPlain(options_);
  stub.PlainsToParcel(options_);
  stub.ParcelsToPlain(options_);
  stub.ParcelsToParcel(options_);
  stub.PlainToPlains({}, options_);
  stub.PlainToParcels({}, options_);
  stub.ParcelToPlains({}, options_);
  stub.ParcelToParcels({}, options_);
  stub.PlainsToPlains(options_);
  stub.PlainsToParcels(options_);
  stub.ParcelsToPlains(options_);
  stub.ParcelsToParcels(options_);
  ExpectAllMethods(CallForm::kNotified, CallForm::kNotified);
  caller_->waits.Run();
}

TEST_F(GeneratedStubTest, PassesItsMethodsToCallsForCoroutines) {
  const Everything::Stub::Co stub = stub_.co();
  (void)stub.PlainToPlain({}, options_);
  (void)stub.PlainToParcel({}, options_);
  (void)stub.ParcelToPlain({}, options_);
  (void)stub.ParcelToParcel({}, options_);
  stub.PlainsToPlain(options_);
  stub.PlainsToParcel(options_);
  stub.ParcelsToPlain(options_);
  stub.ParcelsToParcel(options_);
  stub.PlainToPlains({}, options_);
  stub.PlainToParcels({}, options_);
  stub.ParcelToPlains({}, options_);
  stub.ParcelToParcels({}, options_);
  stub.PlainsToPlains(options_);
  stub.PlainsToParcels(options_);
  stub.ParcelsToPlains(options_);
  stub.ParcelsToParcels(options_);
  ExpectAllMethods(CallForm::kNotified, CallForm::kNotified);
}

TEST_F(GeneratedStubTest, TellsCallbacksWhatCameOfTheirCalls) {
  const Everything::Stub::Async stub = stub_.async();
  std::vector<std::string> told;
  stub.PlainToPlain(Text("x"), {}, [&](absl::StatusOr<Plain> reply) {
    told.push_back(reply->text());
  });
  stub.PlainToParcel(Text("x"), {}, [&](absl::StatusOr<Parcel<WithFd>> reply) {
    told.emplace_back(reply.status().message());
  });
  EXPECT_TRUE(told.empty());
  caller_->waits.Run();
  EXPECT_THAT(told, ElementsAre("got x",
                                "fdrpc.test.services.Everything/PlainToParcel "
                                "is not implemented"));
}

TEST_F(GeneratedStubTest, StreamsWithCallbacks) {
  const Everything::Stub::Async stub = stub_.async();
  std::vector<std::string> told;
  AsyncClientWriter<Plain, Plain> requests = stub.PlainsToPlain();
  requests.Write(Text("a"), [&, requests](bool sent) mutable {
    EXPECT_TRUE(sent);
    requests.WriteLast(Text("b"), [](bool sent) { EXPECT_TRUE(sent); });
    requests.Finish([&](absl::StatusOr<Plain> reply) {
      told.push_back(reply.value_or(Plain()).text());
    });
  });
  caller_->waits.Run();

  AsyncClientReader<Plain> replies = stub.PlainToPlains(Text("xy"));
  replies.Read([&, replies](std::optional<Plain> reply) mutable {
    told.push_back(reply.value_or(Plain()).text());
    replies.Finish(
        [&](absl::Status status) { EXPECT_EQ(status, absl::OkStatus()); });
  });
  caller_->waits.Run();

  AsyncClientStream<Plain, Plain> stream = stub.PlainsToPlains();
  stream.WriteLast(Text("c"), [](bool sent) { EXPECT_TRUE(sent); });
  stream.Read([&](std::optional<Plain> reply) {
    told.push_back(reply.value_or(Plain()).text());
  });
  caller_->waits.Run();
  stream.Finish([&](absl::Status status) {
    EXPECT_EQ(status, TheEnd());
    told.push_back("end");
  });
  caller_->waits.Run();
  EXPECT_THAT(told, ElementsAre("ab", "x", "got c", "end"));
}

TEST_F(GeneratedStubTest, IsAwaitedByCoroutines) {
  CoEverything service;
  const auto caller = std::make_shared<DirectCaller>(service);
  caller->serve_at_once = true;
  std::vector<std::string> told;
  const auto run = [&](Everything::Stub::Co stub) -> Task<void> {
    absl::StatusOr<Plain> one = co_await stub.PlainToPlain(Text("x"));
    told.push_back(one.value_or(Plain()).text());

    CoClientWriter<Plain, Plain> requests = stub.PlainsToPlain();
    EXPECT_TRUE(co_await requests.Write(Text("a")));
    EXPECT_TRUE(co_await requests.Write(Text("b")));
    absl::StatusOr<Plain> all = co_await requests.Finish();
    told.push_back(all.value_or(Plain()).text());

    CoClientReader<Plain> replies = stub.PlainToPlains(Text("yz"));
    while (std::optional<Plain> reply = co_await replies.Read()) {
      told.push_back(reply->text());
    }
    EXPECT_EQ(co_await replies.Finish(), absl::OkStatus());

    // Back and forth: both sides wait for each other.
    CoClientStream<Plain, Plain> stream = stub.PlainsToPlains();
    for (const char* text : {"c", "d"}) {
      EXPECT_TRUE(co_await stream.Write(Text(text)));
      std::optional<Plain> reply = co_await stream.Read();
      told.push_back(reply.value_or(Plain()).text());
    }
    EXPECT_EQ(co_await stream.Finish(), TheEnd());
    told.push_back("end");
  };
  Spawn(run(Everything::Stub(caller).co()));
  caller->waits.Run();
  EXPECT_THAT(told,
              ElementsAre("got x", "ab", "y", "z", "got c", "got d", "end"));
  EXPECT_TRUE(caller->waits.empty());
}

TEST_F(GeneratedStubTest, IsCopiedAsAHandleToTheSameCaller) {
  EXPECT_EQ(caller_.use_count(), 2);
  Everything::Stub copy = stub_;
  EXPECT_TRUE(copy.PlainToPlain(Plain()).ok());
  EXPECT_EQ(caller_.use_count(), 3);
  Everything::Stub moved = std::move(copy);
  EXPECT_EQ(caller_.use_count(), 3);
  Everything::Stub::Async async = moved.async();
  Everything::Stub::Co co = moved.co();
  EXPECT_EQ(caller_.use_count(), 5);
}

}  // namespace
}  // namespace fdrpc
