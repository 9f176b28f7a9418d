// How handlers that wait for requests learn that their server drains.

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "fdrpc/async_server_stream.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/raw_peer.h"
#include "tests/support/running_loop.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using StopCallback = std::stop_callback<std::function<void()>>;

// In each form: Collect joins what it reads, and ends early when the server
// drains.
class BlockingCollect final : public TestService::Service {
 public:
  absl::Status Collect(ServerContext& context, ServerReader<Text>& requests,
                       Text& reply) override {
    const StopCallback drains(context.draining(),
                              [&] { context.StopReading(); });
    while (std::optional<Text> request = requests.Read()) {
      reply.mutable_text()->append(request->text());
      if (request->text() == "!") context.SendHeaders();
    }
    return absl::OkStatus();
  }
};

class AsyncCollect final : public TestService::AsyncService {
 public:
  void Collect(AsyncServerReader<Text, Text> call) override {
    auto collected = std::make_shared<Collected>(call);
    ServerContext& context = call.context();
    collected->drains.emplace(context.draining(),
                              [&context] { context.StopReading(); });
    ReadOne(std::move(collected));
  }

 private:
  struct Collected {
    explicit Collected(AsyncServerReader<Text, Text> of) : call(of) {}
    AsyncServerReader<Text, Text> call;
    Text reply;
    std::optional<StopCallback> drains;
  };
  static void ReadOne(std::shared_ptr<Collected> collected) {
    auto& call = collected->call;
    call.Read([collected =
                   std::move(collected)](std::optional<Text> request) mutable {
      if (!request.has_value()) {
        collected->drains.reset();
        return collected->call.Finish(std::move(collected->reply));
      }
      collected->reply.mutable_text()->append(request->text());
      if (request->text() == "!") collected->call.context().SendHeaders();
      ReadOne(std::move(collected));
    });
  }
};

class CoCollect final : public TestService::CoService {
 public:
  Task<absl::Status> Collect(ServerContext& context,
                             CoServerReader<Text>& requests,
                             Text& reply) override {
    const StopCallback drains(context.draining(),
                              [&] { context.StopReading(); });
    while (true) {
      const std::optional<Text> request = co_await requests.Read();
      if (!request.has_value()) break;
      reply.mutable_text()->append(request->text());
      if (request->text() == "!") context.SendHeaders();
    }
    co_return absl::OkStatus();
  }
};

enum class Form { kBlocking, kCallback, kCoroutine, kCallbackInLoop };

class DrainingTest
    : public ::testing::TestWithParam<std::tuple<Form, const char*>> {
 protected:
  void Serve(const ServerOptions& options = {}) {
    switch (std::get<0>(GetParam())) {
      case Form::kBlocking:
        service_ = std::make_unique<BlockingCollect>();
        break;
      case Form::kCoroutine:
        service_ = std::make_unique<CoCollect>();
        break;
      default:
        service_ = std::make_unique<AsyncCollect>();
        break;
    }
    server_.emplace(options);
    server_->AddService(*service_);
    ASSERT_TRUE(server_->Listen(address_).ok());
    if (std::get<0>(GetParam()) == Form::kCallbackInLoop) {
      loop_.emplace();
      ASSERT_TRUE(server_->Start(loop_->loop()).ok());
    } else {
      ASSERT_TRUE(server_->Start().ok());
    }
  }
  TestService::Stub NewStub() {
    return TestService::Stub(*Channel::Connect(address_));
  }
  static Text Saying(const std::string& text) {
    Text message;
    message.set_text(text);
    return message;
  }
  // A call whose handler has read two requests, and waits for more.
  static ClientWriter<Text, Text> Begin(TestService::Stub& stub) {
    ClientWriter<Text, Text> call = stub.Collect();
    EXPECT_TRUE(call.Write(Saying("a")));
    EXPECT_TRUE(call.Write(Saying("!")));
    call.headers();
    return call;
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", std::get<1>(GetParam()));
  std::unique_ptr<Service> service_;
  std::optional<RunningLoop> loop_;
  std::optional<Server> server_;
};
INSTANTIATE_TEST_SUITE_P(
    Forms, DrainingTest,
    ::testing::Combine(::testing::Values(Form::kBlocking, Form::kCallback,
                                         Form::kCoroutine,
                                         Form::kCallbackInLoop),
                       kAllSchemes));

TEST_P(DrainingTest, AHandlerThatReadsCanEndItsCallWhenTheServerShutsDown) {
  // Otherwise it would be an hour.
  ASSERT_NO_FATAL_FAILURE(Serve({.drain_timeout = absl::Hours(1)}));
  TestService::Stub stub = NewStub();
  TestService::Stub other = NewStub();
  ClientWriter<Text, Text> first = Begin(stub);
  ClientWriter<Text, Text> second = Begin(stub);
  ClientWriter<Text, Text> third = Begin(other);
  server_->Shutdown();
  server_->Wait();
  for (ClientWriter<Text, Text>* call : {&first, &second, &third}) {
    const absl::StatusOr<Text> reply = call->Finish();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->text(), "a!");
  }
}

TEST_P(DrainingTest, AHandlerThatReadsCanEndItsCallWhenItsConnectionIsOld) {
  ASSERT_NO_FATAL_FAILURE(
      Serve({.max_connection_age = absl::Milliseconds(20)}));
  TestService::Stub stub = NewStub();
  for (int i = 0; i < 3; ++i) {
    const absl::StatusOr<Text> reply = [&] {
      ClientWriter<Text, Text> call = stub.Collect();
      EXPECT_TRUE(call.Write(Saying("a")));
      // Until the server has ended it.
      while (call.Write(Text())) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      return call.Finish();
    }();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->text(), "a");
  }
  server_->Shutdown();
  server_->Wait();
}

TEST_P(DrainingTest, CallsThatHaveEndedAreNotToldOfTheDrain) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  TestService::Stub stub = NewStub();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Begin(stub).Finish().ok());
    ClientWriter<Text, Text> cancelled = Begin(stub);
    cancelled.Cancel();
  }
  server_->Shutdown();
  server_->Wait();
}

}  // namespace
}  // namespace fdrpc::testing
