#include "fdrpc/server_call_filter.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using ::google::protobuf::StringValue;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

StringValue Value(const std::string& text) {
  StringValue value;
  value.set_value(text);
  return value;
}

// The runtime's part: records what it is told.
class RecordingCall final : public ServerCall {
 public:
  std::vector<std::string> told;
  std::vector<std::string> requests;

  bool Ready(CallEvent) override { return true; }
  void Await(CallEvent) override {}
  void Notify(CallEvent, Continuation&) override {}
  void Forget(Continuation&) override {}
  bool Take(IncomingMessage message) override {
    if (requests.empty()) return false;
    static_cast<StringValue&>(*message.message).set_value(requests.back());
    requests.pop_back();
    return true;
  }
  bool Send(OutgoingMessage message, bool) override {
    told.push_back("send " + TextOf(message));
    return true;
  }
  void Abort(const absl::Status& why) override {
    told.push_back("abort " + std::string(why.message()));
  }
  ServerContext& context() override { std::abort(); }
  absl::Status TakeRequest(IncomingMessage request) override {
    Take(request);
    return absl::OkStatus();
  }
  void Finish(absl::Status status, const OutgoingMessage* reply) override {
    told.push_back("finish " + std::string(status.message()) +
                   (reply == nullptr ? "" : TextOf(*reply)));
  }

 private:
  static std::string TextOf(const OutgoingMessage& message) {
    return static_cast<const StringValue&>(*message.message).value();
  }
};

// Changes what passes; an error for "error".
class Noting final : public ServerCallFilter {
 public:
  using ServerCallFilter::ServerCallFilter;
  std::vector<std::string> ends;

 private:
  absl::Status OnSend(OutgoingMessage& message) override {
    auto& value = static_cast<StringValue&>(MakeMutable(message));
    if (value.value() == "error") return absl::DataLossError("reply");
    value.mutable_value()->append("!");
    return absl::OkStatus();
  }
  absl::Status OnReceive(IncomingMessage message) override {
    auto& value = static_cast<StringValue&>(*message.message);
    return value.value() == "error" ? absl::DataLossError("request")
                                    : absl::OkStatus();
  }
  void OnFinish(absl::Status& status) override {
    ends.emplace_back(status.message());
  }
};

class ServerCallFilterTest : public ::testing::Test {
 protected:
  std::shared_ptr<RecordingCall> next_ = std::make_shared<RecordingCall>();
  Noting call_{next_};
};

TEST_F(ServerCallFilterTest, ACopyOfAPlainReplyIsChanged) {
  const StringValue reply = Value("a");
  EXPECT_TRUE(call_.Send(reply, false));
  const OutgoingMessage last(reply);
  call_.Finish(absl::OkStatus(), &last);
  EXPECT_EQ(reply.value(), "a");
  EXPECT_THAT(next_->told, ElementsAre("send a!", "finish a!"));
}

TEST_F(ServerCallFilterTest, TheFirstFinishCounts) {
  call_.Finish(absl::NotFoundError("first"), nullptr);
  call_.Finish(absl::OkStatus(), nullptr);
  call_.Abort(absl::InternalError("the handler dropped the call"));
  EXPECT_THAT(next_->told, ElementsAre("finish first"));
  EXPECT_THAT(call_.ends, ElementsAre("first"));
}

TEST_F(ServerCallFilterTest, AnAbortIsAFinish) {
  call_.Abort(absl::InternalError("the handler dropped the call"));
  EXPECT_THAT(next_->told, ElementsAre("finish the handler dropped the call"));
  EXPECT_THAT(call_.ends, ElementsAre("the handler dropped the call"));
}

TEST_F(ServerCallFilterTest, AHooksErrorEndsTheCallBeforeTheHandlerDoes) {
  next_->requests = {"behind it", "error"};
  StringValue request;
  EXPECT_FALSE(call_.Take(request));
  EXPECT_FALSE(call_.Take(request));
  EXPECT_THAT(next_->told, ElementsAre("abort request"));
  EXPECT_FALSE(call_.Send(Value("error"), false));
  EXPECT_THAT(call_.ends, IsEmpty());
  call_.Finish(absl::OkStatus(), nullptr);
  EXPECT_THAT(call_.ends, ElementsAre("request"));
  EXPECT_THAT(next_->told, ElementsAre("abort request", "finish request"));
}

TEST_F(ServerCallFilterTest, ARefusedRequestIsForTheHandlersCallerToEnd) {
  next_->requests = {"error"};
  StringValue request;
  EXPECT_EQ(call_.TakeRequest(request), absl::DataLossError("request"));
  EXPECT_THAT(next_->told, IsEmpty());
}

TEST_F(ServerCallFilterTest, ARefusedReplyBecomesTheStatus) {
  const StringValue reply = Value("error");
  const OutgoingMessage last(reply);
  call_.Finish(absl::OkStatus(), &last);
  EXPECT_THAT(call_.ends, ElementsAre("reply"));
  EXPECT_THAT(next_->told, ElementsAre("finish reply"));
}

}  // namespace
}  // namespace fdrpc
