#include "fdrpc/answered_call.h"

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "fdrpc/channel.h"
#include "fdrpc/client_interceptor.h"
#include "fdrpc/loop.h"
#include "gmock/gmock.h"
#include "google/protobuf/any.pb.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

// A caller to which no call may get, and which runs no continuations.
class NoCaller : public Caller {
 public:
  absl::Status CallUnary(const Method&, OutgoingMessage, IncomingMessage,
                         const CallOptions&) override {
    ADD_FAILURE() << "a call was made";
    return absl::UnknownError("");
  }
  std::shared_ptr<ClientCall> StartCall(const Method&, const OutgoingMessage*,
                                        const CallOptions&, CallForm) override {
    ADD_FAILURE() << "a call was made";
    return nullptr;
  }
};

Parcel<Files> FilesOf(UniqueFd first) {
  Parcel<Files> parcel;
  parcel.set_first(std::move(first));
  return parcel;
}

TEST(AnsweredCallTest, EndsWithItsStatus) {
  NoCaller caller;
  AnsweredCall call(caller, CallForm::kBlocking, absl::NotFoundError("no"),
                    {.headers = {{"a", "b"}}, .trailers = {{"c", "d"}}});
  for (CallEvent event : {CallEvent::kMessage, CallEvent::kRoom,
                          CallEvent::kHeaders, CallEvent::kEnd}) {
    EXPECT_TRUE(call.Ready(event));
    call.Await(event);
  }
  Text text;
  EXPECT_FALSE(call.Take(text));
  EXPECT_FALSE(call.Send(text, /*last=*/false));
  call.HalfClose();
  call.Abort(absl::CancelledError());
  EXPECT_EQ(call.status(), absl::NotFoundError("no"));
  EXPECT_EQ(call.headers().Get("a"), "b");
  EXPECT_EQ(call.trailers().Get("c"), "d");
}

TEST(AnsweredCallTest, MovesDescriptorsFromParcelToParcel) {
  ExpectSameDescriptors census;
  NoCaller caller;
  AnsweredCall call(caller, CallForm::kBlocking, absl::OkStatus());
  Parcel<Files> reply = FilesOf(FileWith("content"));
  const int number = reply.first();
  call.AddReply(reply);
  EXPECT_EQ(reply.first(), -1);
  Parcel<Files> taken;
  ASSERT_TRUE(call.Take(taken));
  EXPECT_EQ(taken.first(), number);
  EXPECT_EQ(ReadRest(taken.take_first().get()), "content");
  EXPECT_FALSE(call.Take(taken));
  EXPECT_TRUE(call.status().ok());
}

TEST(AnsweredCallTest, GivesEachReceiverItsOwnOfASharedDescriptor) {
  ExpectSameDescriptors census;
  NoCaller caller;
  const SharedFd kept(FileWith("content"));
  for (int i = 0; i < 2; ++i) {
    AnsweredCall call(caller, CallForm::kBlocking, absl::OkStatus());
    Parcel<Files> reply;
    reply.set_first(kept);
    call.AddReply(reply);
    Parcel<Files> taken;
    ASSERT_TRUE(call.Take(taken));
    const UniqueFd own = taken.take_first();
    ASSERT_TRUE(own.ok());
    EXPECT_NE(own.get(), kept.get());
    EXPECT_TRUE(SameDescription(own.get(), kept.get()));
    EXPECT_TRUE(HasCloseOnExec(own.get()));
  }
}

TEST(AnsweredCallTest, ClosesRepliesThatNobodyTakes) {
  ExpectSameDescriptors census;
  NoCaller caller;
  AnsweredCall call(caller, CallForm::kBlocking, absl::OkStatus());
  Parcel<Files> reply = FilesOf(FileWith(""));
  call.AddReply(reply);
  Parcel<Files> sent = FilesOf(FileWith(""));
  const DescriptorCensus before = TakeCensus();
  EXPECT_FALSE(call.Send(sent, /*last=*/false));
  EXPECT_EQ(TakeCensus().size() + 1, before.size());
}

TEST(AnsweredCallTest, AReplyThatIsNotInOrderIsAnError) {
  NoCaller caller;
  AnsweredCall call(caller, CallForm::kBlocking, absl::OkStatus());
  Parcel<Files> reply;
  reply->mutable_first();
  call.AddReply(reply);
  EXPECT_EQ(call.status().code(), absl::StatusCode::kInvalidArgument);
  Parcel<Files> taken;
  EXPECT_FALSE(call.Take(taken));
}

TEST(AnsweredCallTest, ADescriptorInAnAnyIsAnError) {
  ExpectSameDescriptors census;
  NoCaller caller;
  Parcel<Files> packed = FilesOf(FileWith(""));
  google::protobuf::Any reply;
  reply.PackFrom(*packed);
  const google::protobuf::Any& constant = reply;
  AnsweredCall call(caller, CallForm::kBlocking, absl::OkStatus());
  call.AddReply(constant);
  EXPECT_EQ(call.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(call.status().message(),
              ::testing::HasSubstr("fdrpc.testing.Files.first"));
  google::protobuf::Any taken;
  EXPECT_FALSE(call.Take(taken));
}

TEST(AnsweredCallTest, AReplyOfAnotherTypeIsAnError) {
  NoCaller caller;
  AnsweredCall call(caller, CallForm::kBlocking, absl::OkStatus());
  Parcel<Files> reply = FilesOf(FileWith(""));
  call.AddReply(reply);
  Parcel<Files> none;
  Text text;
  text.set_data("\xff");
  call.AddReply(text);
  ASSERT_TRUE(call.Take(none));
  EXPECT_FALSE(call.Take(none));
  EXPECT_EQ(call.status().code(), absl::StatusCode::kInternal);
}

// Answers every call.
class Answering final : public ClientInterceptor {
 public:
  std::shared_ptr<ClientCall> StartCall(const Method&, const OutgoingMessage*,
                                        const CallOptions&, CallForm form,
                                        Caller& next) override {
    auto answer = std::make_shared<AnsweredCall>(next, form, absl::OkStatus());
    Text reply;
    reply.set_text("answered");
    answer->AddReply(reply);
    return answer;
  }
};

// A loop is a thread, or could be.
TEST(AnsweredCallTest, BlockingCallsAskForNoLoop) {
  class NoRunner final : public NoCaller {
   public:
    std::shared_ptr<ContinuationRunner> runner() override {
      ADD_FAILURE() << "a blocking call asked for a loop";
      return nullptr;
    }
  };
  TestService::Stub stub(
      Intercept({std::make_shared<Answering>()}, std::make_shared<NoRunner>()));
  EXPECT_EQ(stub.Echo(Text())->text(), "answered");
  auto watch = stub.Watch(Text());
  EXPECT_EQ(watch.Read()->text(), "answered");
  EXPECT_TRUE(watch.Finish().ok());
}

TEST(AnsweredCallTest, CallbacksRunOnTheLoopOfTheChannel) {
  TempDir dir;
  const absl::StatusOr<Loop> loop = Loop::Create();
  ASSERT_TRUE(loop.ok());
  const absl::StatusOr<Channel> channel = Channel::Connect(
      dir.address(),
      {.loop = *loop, .interceptors = {std::make_shared<Answering>()}});
  ASSERT_TRUE(channel.ok());
  TestService::Stub stub(*channel);
  std::optional<absl::StatusOr<Text>> reply;
  stub.async().Echo(Text(), {},
                    [&](absl::StatusOr<Text> got) { reply = std::move(got); });
  EXPECT_FALSE(reply.has_value()) << "not within the call";
  Loop(*loop).RunReady();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ((*reply)->text(), "answered");
}

TEST(AnsweredCallTest, CallbacksOfCallersWithoutALoopRunOnTheProcesss) {
  const std::shared_ptr<Caller> caller =
      Intercept({std::make_shared<Answering>()}, std::make_shared<NoCaller>());
  EXPECT_EQ(caller->runner(), nullptr);
  TestService::Stub stub(caller);
  std::promise<std::thread::id> ran_on;
  stub.async().Echo(Text(), {}, [&](absl::StatusOr<Text> reply) {
    EXPECT_EQ(reply->text(), "answered");
    ran_on.set_value(std::this_thread::get_id());
  });
  EXPECT_NE(ran_on.get_future().get(), std::this_thread::get_id());
}

TEST(AnsweredCallTest, AContinuationCanBeTakenBack) {
  TempDir dir;
  const absl::StatusOr<Loop> loop = Loop::Create();
  ASSERT_TRUE(loop.ok());
  const absl::StatusOr<Channel> channel =
      Channel::Connect(dir.address(), {.loop = *loop});
  ASSERT_TRUE(channel.ok());
  class Noting final : public Continuation {
   public:
    void Run() override { ran = true; }
    bool ran = false;
  };
  const std::shared_ptr<Caller> caller = *channel;
  AnsweredCall call(*caller, CallForm::kNotified, absl::OkStatus());
  Noting noting;
  call.Notify(CallEvent::kEnd, noting);
  call.Forget(noting);
  Loop(*loop).RunReady();
  EXPECT_FALSE(noting.ran);
  call.Notify(CallEvent::kEnd, noting);
  Loop(*loop).RunReady();
  EXPECT_TRUE(noting.ran);
}

}  // namespace
}  // namespace fdrpc::testing
