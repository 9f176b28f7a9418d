// A side that does not read holds the other one up, over gRPC too.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>

#include "fdrpc/grpc/channel.h"
#include "fdrpc/server.h"
#include "tests/grpc/served_over_grpc.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// Streams of 256 MiB in all, of which a few may be on their way.
constexpr int kMessages = 4096;
constexpr int kMostOnTheWay = 512;

Text Large() {
  Text message;
  message.set_data(std::string(64 << 10, 'x'));
  return message;
}

// fdrpc's stubs over gRPC to a server of fdrpc: both sides of the library.
class FlowControl : public ::testing::Test {
 protected:
  FlowControl() {
    server_.AddService(service_);
    over_grpc_.emplace(server_);
    EXPECT_TRUE(server_.Start().ok());
    stub_.emplace(grpc::Channel(over_grpc_->channel()));
  }

  // Gives a side that is not held up the time to go too far.
  void MakeOtherCalls() {
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(stub_->Echo(Numbered(i)).ok());
  }

  FakeService service_;
  Server server_;
  std::optional<ServedOverGrpc> over_grpc_;
  std::optional<TestService::Stub> stub_;
};

TEST_F(FlowControl, AClientThatDoesNotReadHoldsUpTheHandler) {
  std::atomic<int> written = 0;
  service_.watch = [&](ServerContext&, const Text&,
                       ServerWriter<Text>& replies) {
    const Text message = Large();
    while (written < kMessages && replies.Write(message)) ++written;
    return absl::OkStatus();
  };
  auto replies = stub_->Watch(TextOf(""));
  ASSERT_TRUE(replies.Read().has_value());
  MakeOtherCalls();
  EXPECT_LT(written, kMostOnTheWay);
  int read = 1;
  while (replies.Read().has_value()) ++read;
  EXPECT_EQ(replies.Finish(), absl::OkStatus());
  EXPECT_EQ(read, kMessages);
}

TEST_F(FlowControl, AHandlerThatDoesNotReadHoldsUpTheClient) {
  std::promise<void> may_read;
  service_.collect = [&](ServerContext&, ServerReader<Text>& requests,
                         Text& reply) {
    may_read.get_future().wait();
    int count = 0;
    while (requests.Read().has_value()) ++count;
    reply.set_number(count);
    return absl::OkStatus();
  };
  auto requests = stub_->Collect();
  std::atomic<int> written = 0;
  std::thread writer([&] {
    const Text message = Large();
    while (written < kMessages && requests.Write(message)) ++written;
  });
  MakeOtherCalls();
  EXPECT_LT(written, kMostOnTheWay);
  may_read.set_value();
  writer.join();
  const auto reply = requests.Finish();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->number(), kMessages);
}

// Though its status stands behind replies that are not read.
TEST_F(FlowControl, AWriterThatDoesNotReadSeesTheEndOfTheCall) {
  service_.chat = [&](ServerContext&, ServerStream<Text, Text>& stream) {
    const Text message = Large();
    for (int i = 0; i < 5; ++i) stream.Write(message);
    return absl::OkStatus();
  };
  auto stream = stub_->Chat();
  while (stream.Write(TextOf("x"))) {
  }
  int read = 0;
  while (stream.Read().has_value()) ++read;
  EXPECT_EQ(read, 5);
  EXPECT_TRUE(stream.Finish().ok());
}

// A call that nobody reads ends at its deadline.
class UnreadCall : public FlowControl {
 protected:
  UnreadCall() {
    service_.chat = [this](ServerContext&, ServerStream<Text, Text>& stream) {
      ++started_;
      const Text message = Large();
      while (stream.Write(message)) {
      }
      ended_.release();
      return absl::OkStatus();
    };
  }
  // A handler may start even after its call's deadline.
  ~UnreadCall() override {
    stub_.reset();
    over_grpc_.reset();
    server_.Shutdown(absl::ZeroDuration());
    server_.Wait();
  }
  // Over a channel that only the call keeps, and that is connected, so that the
  // deadline is not for that.
  std::shared_ptr<ClientCall> Start(CallForm form) {
    static constexpr Method kChat = {
        .full_name = "fdrpc.testing.TestService/Chat",
        .kind = MethodKind::kBidirectional};
    const std::shared_ptr<::grpc::Channel> channel = over_grpc_->NewChannel();
    EXPECT_TRUE(channel->WaitForConnected(std::chrono::system_clock::now() +
                                          std::chrono::seconds(60)));
    const std::shared_ptr<Caller> caller = grpc::Channel(channel);
    return caller->StartCall(kChat, nullptr,
                             {.timeout = absl::Milliseconds(50)}, form);
  }

  // Those that have started. Not all have, if a deadline has passed before.
  void AwaitHandlers() {
    for (; awaited_ < started_; ++awaited_) ended_.acquire();
  }

 private:
  int awaited_ = 0;
  std::atomic<int> started_ = 0;
  std::counting_semaphore<> ended_{0};
};

TEST_F(UnreadCall, EndsAtItsDeadline) {
  const auto call = Start(CallForm::kBlocking);
  call->Await(CallEvent::kEnd);
  EXPECT_TRUE(absl::IsDeadlineExceeded(call->status())) << call->status();
  Text message;
  EXPECT_FALSE(call->Take(message));
  EXPECT_FALSE(call->Send(message, /*last=*/false));
  AwaitHandlers();
}

TEST_F(UnreadCall, TellsAContinuation) {
  class Waits final : public Continuation {
   public:
    void Run() override { ran.set_value(); }
    std::promise<void> ran;
  } waits;
  const auto call = Start(CallForm::kNotified);
  call->Notify(CallEvent::kEnd, waits);
  waits.ran.get_future().wait();
  EXPECT_TRUE(absl::IsDeadlineExceeded(call->status())) << call->status();
  AwaitHandlers();
}

TEST_F(UnreadCall, EndsAWriter) {
  ASSERT_TRUE(stub_->Echo(TextOf("x")).ok());  // it is connected
  auto stream = stub_->Chat({.timeout = absl::Milliseconds(50)});
  while (stream.Write(TextOf("x"))) {
  }
  EXPECT_TRUE(absl::IsDeadlineExceeded(stream.Finish()));
  AwaitHandlers();
}

// Whoever lets go of the call, its channel or its alarm last.
TEST_F(UnreadCall, MayBeReleasedAtItsDeadline) {
  constexpr int kCalls = 8;
  for (int i = 0; i < kCalls; ++i) {
    Start(CallForm::kBlocking)->Await(CallEvent::kMessage);
  }
  AwaitHandlers();
}

TEST_F(FlowControl, CallsBeyondTheMostAreRefused) {
  const ServedOverGrpc small(server_, {.max_calls = 1});
  const TestService::Stub stub(grpc::Channel(small.channel()));
  service_.chat = [](ServerContext&, ServerStream<Text, Text>& stream) {
    stream.Write(TextOf("here"));
    while (stream.Read().has_value()) {
    }
    return absl::OkStatus();
  };
  auto first = stub.Chat();
  ASSERT_TRUE(first.Read().has_value());
  EXPECT_EQ(stub.Echo(TextOf("x")).status().code(),
            absl::StatusCode::kResourceExhausted);
  first.WritesDone();
  EXPECT_TRUE(first.Finish().ok());
  // It counts until gRPC is done with it.
  absl::Status next;
  do {
    next = stub.Echo(TextOf("x")).status();
  } while (absl::IsResourceExhausted(next));
  EXPECT_TRUE(next.ok()) << next;
}

TEST_F(FlowControl, AChannelThatAChildInheritsFailsItsCalls) {
  ASSERT_TRUE(stub_->Echo(TextOf("x")).ok());
  const pid_t child = fork();
  if (child == 0) {
    const absl::Status status = stub_->Echo(TextOf("x")).status();
    _exit(absl::IsFailedPrecondition(status) ? 0 : 1);
  }
  int ended = -1;
  ASSERT_EQ(waitpid(child, &ended, 0), child);
  EXPECT_EQ(ended, 0);
}

}  // namespace
}  // namespace fdrpc::testing
