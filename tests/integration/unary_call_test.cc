// Unary calls through generated stubs, over real sockets, within one process.

#include <atomic>
#include <latch>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/cord.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class UnaryCallTest : public ::testing::Test {
 protected:
  void Serve(ServerOptions options = {}) {
    server_ = std::make_unique<Server>(options);
    server_->AddService(service_);
    ASSERT_TRUE(server_->Listen(dir_.address()).ok());
    ASSERT_TRUE(server_->Start().ok());
  }
  void StopServer() {
    server_->Shutdown();
    server_->Wait();
    server_.reset();
  }
  TestService::Stub NewStub(ChannelOptions options = {}) {
    absl::StatusOr<Channel> channel = Channel::Connect(dir_.address(), options);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return TestService::Stub(*channel);
  }
  static Text TextOf(const std::string& text, int64_t number = 0) {
    Text message;
    message.set_text(text);
    message.set_number(number);
    return message;
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  FakeService service_;
  std::unique_ptr<Server> server_;
};

TEST_F(UnaryCallTest, ReturnsWhatTheHandlerReturns) {
  Serve();
  TestService::Stub stub = NewStub();
  absl::StatusOr<Text> reply = stub.Echo(TextOf("hello", 7));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "hello");
  EXPECT_EQ(reply->number(), 7);
}

TEST_F(UnaryCallTest, CarriesEmptyMessages) {
  Serve();
  TestService::Stub stub = NewStub();
  absl::StatusOr<Text> reply = stub.Echo(Text());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->ByteSizeLong(), 0u);
}

TEST_F(UnaryCallTest, CarriesMessagesLargerThanAFrameAndASocketBuffer) {
  Serve();
  TestService::Stub stub = NewStub();
  for (size_t bytes : {1u << 10, 8u << 10, 64u << 10, (512u << 10) - 1,
                       512u << 10, (512u << 10) + 1, 5u << 20}) {
    Text request;
    request.set_data(std::string(bytes, 'x'));
    absl::StatusOr<Text> reply = stub.Echo(request);
    ASSERT_TRUE(reply.ok()) << bytes << ": " << reply.status();
    EXPECT_EQ(reply->data(), request.data());
  }
}

TEST_F(UnaryCallTest, HandsOverTheSameOpenFile) {
  Serve();
  TestService::Stub stub = NewStub();
  UniqueFd file = FileWith("0123456789");
  SharedFd shared(std::move(file));
  Parcel<Files> request;
  request.set_first(shared);
  absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.status();
  UniqueFd received = reply->take_first();
  ASSERT_TRUE(received.ok());
  EXPECT_NE(received.get(), shared.get());
  EXPECT_TRUE(SameDescription(received.get(), shared.get()));
  EXPECT_TRUE(HasCloseOnExec(received.get()));
  EXPECT_EQ(ReadRest(received.get()), "0123456789");
  EXPECT_EQ(ReadRest(shared.get()), "");
  EXPECT_FALSE(reply->take_first().ok()) << "a descriptor is taken once";
}

TEST_F(UnaryCallTest, ClosesDescriptorsThatNobodyTakes) {
  Serve();
  TestService::Stub stub = NewStub();
  // Without descriptors, which the server may close a moment later.
  ASSERT_TRUE(stub.Echo(Text()).ok());
  const DescriptorCensus before = TakeCensus();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(stub.Get(TextOf("x", 5)).ok());
    Parcel<Files> request;
    request.add_files(FileWith("y"));
    ASSERT_TRUE(stub.Put(std::move(request)).ok());
  }
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_F(UnaryCallTest, CarriesMoreDescriptorsThanOneSendTakes) {
  Serve();
  TestService::Stub stub = NewStub();
  for (int count : {1, 2, 3, 252, 253, 254, 300, 800}) {
    Parcel<Files> request;
    for (int i = 0; i < count; ++i) {
      request.add_files(FileWith(std::to_string(i)));
    }
    absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
    ASSERT_TRUE(reply.ok()) << count << ": " << reply.status();
    ASSERT_EQ(reply->files_size(), count);
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(ReadRest(reply->take_files(i).get()), std::to_string(i));
    }
  }
}

TEST_F(UnaryCallTest, RefusesMoreDescriptorsThanTheServerTakes) {
  Serve({.max_request_descriptors = 20});
  TestService::Stub stub = NewStub();
  Parcel<Files> request;
  for (int i = 0; i < 21; ++i) request.add_files(FileWith("x"));
  absl::StatusOr<Text> reply = stub.Put(std::move(request));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kResourceExhausted)
      << reply.status();
  EXPECT_TRUE(stub.Echo(TextOf("still alive")).ok());
}

TEST_F(UnaryCallTest, RefusesARequestLargerThanTheServerTakes) {
  Serve({.max_request_bytes = 100u << 10});
  TestService::Stub stub = NewStub();
  Text request;
  request.set_data(std::string(200u << 10, 'x'));
  absl::StatusOr<Text> reply = stub.Echo(request);
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kResourceExhausted)
      << reply.status();
  EXPECT_TRUE(stub.Echo(TextOf("still alive")).ok());
}

TEST_F(UnaryCallTest, RefusesAReplyLargerThanTheClientTakes) {
  Serve();
  service_.echo = [](ServerContext&, const Text& request, Text& reply) {
    reply.set_data(std::string(request.number(), 'x'));
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub({.max_reply_bytes = 100u << 10});
  EXPECT_EQ(stub.Echo(TextOf("", 200 << 10)).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(stub.Echo(TextOf("", 10)).ok());
}

TEST_F(UnaryCallTest, CarriesStatusWithMessageAndPayloads) {
  Serve();
  service_.echo = [](ServerContext&, const Text&, Text&) {
    absl::Status status = absl::NotFoundError("no such thing");
    status.SetPayload("type.test/details", absl::Cord("bytes\0more"));
    return status;
  };
  absl::Status status = NewStub().Echo(Text()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such thing");
  EXPECT_EQ(status.GetPayload("type.test/details"), absl::Cord("bytes\0more"));
}

TEST_F(UnaryCallTest, CarriesMetadataBothWays) {
  Serve();
  service_.echo = [](ServerContext& context, const Text&, Text& reply) {
    reply.set_text(
        std::string(context.metadata().Get("greeting").value_or("")));
    context.headers().Add("early", "1");
    context.trailers().Add("late-bin", std::string("\0\xff", 2));
    return absl::OkStatus();
  };
  ReplyMetadata received;
  absl::StatusOr<Text> reply = NewStub().Echo(
      Text(), {.metadata = {{"greeting", "hi"}}, .reply_metadata = &received});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "hi");
  EXPECT_EQ(received.headers, (Metadata{{"early", "1"}}));
  EXPECT_EQ(received.trailers,
            (Metadata{{"late-bin", std::string("\0\xff", 2)}}));
}

TEST_F(UnaryCallTest, RefusesMetadataThatBreaksTheRules) {
  Serve();
  TestService::Stub stub = NewStub();
  EXPECT_EQ(stub.Echo(Text(), {.metadata = {{"Upper", "x"}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(stub.Echo(Text(), {.metadata = {{"a", "\n"}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(stub.Echo(Text(), {.metadata = {{"a", std::string(70000, 'x')}}})
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(UnaryCallTest, KnowsItsPeer) {
  Serve();
  service_.echo = [](ServerContext& context, const Text&, Text& reply) {
    reply.set_number(context.peer().pid);
    reply.set_text(std::to_string(context.peer().uid));
    return absl::OkStatus();
  };
  absl::StatusOr<Text> reply = NewStub().Echo(Text());
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->number(), getpid());
  EXPECT_EQ(reply->text(), std::to_string(getuid()));
}

TEST_F(UnaryCallTest, FailsWithoutAServer) {
  absl::StatusOr<Text> reply = NewStub().Echo(Text());
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable)
      << reply.status();
}

TEST_F(UnaryCallTest, WaitsForTheServerIfAsked) {
  TestService::Stub stub = NewStub();
  absl::StatusOr<Text> reply;
  std::thread caller(
      [&] { reply = stub.Echo(TextOf("x"), {.wait_for_ready = true}); });
  Serve();
  caller.join();
  EXPECT_TRUE(reply.ok()) << reply.status();
}

TEST_F(UnaryCallTest, StopsWaitingForTheServerAtTheDeadline) {
  absl::StatusOr<Text> reply = NewStub().Echo(
      Text(), {.timeout = absl::Milliseconds(5), .wait_for_ready = true});
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(reply.status().message()),
              HasSubstr("nobody listens"));
}

TEST_F(UnaryCallTest, ReconnectsWhenTheServerComesBack) {
  Serve();
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(stub.Echo(Text()).ok());
  for (int i = 0; i < 20; ++i) {
    StopServer();
    EXPECT_EQ(stub.Echo(Text()).status().code(),
              absl::StatusCode::kUnavailable);
    Serve();
    absl::StatusOr<Text> reply = stub.Echo(Text());
    EXPECT_TRUE(reply.ok()) << reply.status();
  }
}

TEST_F(UnaryCallTest, MakesACallWithDescriptorsAgainOnANewConnection) {
  Serve();
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(stub.Echo(Text()).ok());
  StopServer();
  Serve();
  Parcel<Files> request;
  request.set_first(FileWith("content"));
  absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ReadRest(reply->take_first().get()), "content");
}

TEST_F(UnaryCallTest, EndsAtTheDeadlineAndTellsTheHandler) {
  Serve();
  std::latch cancelled(1);
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    EXPECT_LT(context.time_remaining(), absl::Seconds(1));
    std::stop_callback on_cancel(context.cancellation(),
                                 [&] { cancelled.count_down(); });
    cancelled.wait();
    EXPECT_TRUE(context.IsCancelled());
    return absl::OkStatus();
  };
  absl::StatusOr<Text> reply =
      NewStub().Echo(Text(), {.timeout = absl::Milliseconds(20)});
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kDeadlineExceeded);
  StopServer();  // waits for the handler, which uses what is on this stack
}

TEST_F(UnaryCallTest, FailsAtOnceWithATimeoutThatIsNotPositive) {
  Serve();
  EXPECT_EQ(
      NewStub().Echo(Text(), {.timeout = absl::ZeroDuration()}).status().code(),
      absl::StatusCode::kDeadlineExceeded);
}

TEST_F(UnaryCallTest, CanBeCancelledFromAnotherThread) {
  Serve();
  std::latch started(1);
  std::latch cancelled(1);
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    std::stop_callback on_cancel(context.cancellation(),
                                 [&] { cancelled.count_down(); });
    started.count_down();
    cancelled.wait();
    return absl::OkStatus();
  };
  std::stop_source stop;
  std::thread canceller([&] {
    started.wait();
    stop.request_stop();
  });
  absl::StatusOr<Text> reply =
      NewStub().Echo(Text(), {.cancellation = stop.get_token()});
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kCancelled);
  canceller.join();
  EXPECT_EQ(NewStub()
                .Echo(Text(), {.cancellation = stop.get_token()})
                .status()
                .code(),
            absl::StatusCode::kCancelled);
  StopServer();  // waits for the handler, which uses what is on this stack
}

TEST_F(UnaryCallTest, BlockedHandlersDoNotHoldUpOtherCalls) {
  Serve();
  constexpr int kBlocked = 8;
  std::latch all_in(kBlocked);
  std::latch release(1);
  service_.echo = [&](ServerContext&, const Text& request, Text&) {
    if (request.number() == 1) {
      all_in.count_down();
      release.wait();
    }
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub();
  std::vector<std::thread> threads;
  for (int i = 0; i < kBlocked; ++i) {
    threads.emplace_back(
        [&] { EXPECT_TRUE(stub.Echo(TextOf("block", 1)).ok()); });
  }
  all_in.wait();
  EXPECT_TRUE(stub.Echo(TextOf("quick")).ok());
  release.count_down();
  for (std::thread& thread : threads) thread.join();
}

TEST_F(UnaryCallTest, CallsBeyondTheServersThreadsWaitTheirTurn) {
  Serve({.max_threads = 3});
  std::atomic<int> in_handler = 0;
  std::atomic<int> most = 0;
  service_.echo = [&](ServerContext&, const Text&, Text&) {
    const int now = ++in_handler;
    int seen = most.load();
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::yield();
    --in_handler;
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub();
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) EXPECT_TRUE(stub.Echo(Text()).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 2);
}

TEST_F(UnaryCallTest, CallsBeyondTheConnectionsLimitWaitOnTheClient) {
  Serve({.max_calls_per_connection = 16});
  std::atomic<int> done = 0;
  TestService::Stub stub = NewStub();
  std::vector<std::thread> threads;
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        absl::StatusOr<Text> reply = stub.Echo(TextOf("x"));
        EXPECT_TRUE(reply.ok()) << reply.status();
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done.load(), 800);
}

TEST_F(UnaryCallTest, AnswersUnimplementedForWhatTheServerDoesNotHave) {
  Serve();
  server_.reset();
  server_ = std::make_unique<Server>();
  ASSERT_TRUE(server_->Listen(dir_.address()).ok());
  ASSERT_TRUE(server_->Start().ok());
  TestService::Stub stub = NewStub();
  absl::Status status = stub.Echo(Text()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
}

TEST_F(UnaryCallTest, ShutdownLetsCallsInProgressFinish) {
  Serve();
  std::latch started(1);
  std::latch release(1);
  service_.echo = [&](ServerContext&, const Text& request, Text& reply) {
    started.count_down();
    release.wait();
    reply = request;
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub();
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub.Echo(TextOf("last")); });
  started.wait();
  server_->Shutdown();
  release.count_down();
  server_->Wait();
  caller.join();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "last");
}

TEST_F(UnaryCallTest, ShutdownCancelsCallsAtTheDrainDeadline) {
  Serve();
  std::latch started(1);
  std::latch cancelled(1);
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    std::stop_callback on_cancel(context.cancellation(),
                                 [&] { cancelled.count_down(); });
    started.count_down();
    cancelled.wait();
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub();
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub.Echo(Text()); });
  started.wait();
  server_->Shutdown(absl::Milliseconds(10));
  server_->Wait();
  caller.join();
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable)
      << reply.status();
}

TEST_F(UnaryCallTest, ADescriptorThatIsNotOpenFailsOnlyItsCall) {
  Serve();
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(stub.Echo(Text()).ok());
  Parcel<Files> request;
  request.set_first(UniqueFd(FileWith("x").Release()));
  close(request.first());
  absl::StatusOr<Text> reply = stub.Put(std::move(request));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kInvalidArgument)
      << reply.status();
  EXPECT_TRUE(stub.Echo(Text()).ok());
}

TEST_F(UnaryCallTest, AFieldWithoutADescriptorFailsBeforeAnythingIsSent) {
  Serve();
  TestService::Stub stub = NewStub();
  Parcel<Files> request;
  request->mutable_first();
  absl::Status status = stub.Put(std::move(request)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("fdrpc.testing.Files.first"));
}

TEST_F(UnaryCallTest, TenThousandCallsWithDescriptorsBothWaysLeaveNoneOpen) {
  Serve();
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(stub.Echo(Text()).ok());
  const DescriptorCensus before = TakeCensus();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2500; ++i) {
        Parcel<Files> request;
        request.add_files(FileWith("a"));
        request.set_first(FileWith("b"));
        absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
        ASSERT_TRUE(reply.ok()) << reply.status();
        ASSERT_EQ(reply->files_size(), 1);
        ASSERT_TRUE(reply->has_first());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

}  // namespace
}  // namespace fdrpc::testing
