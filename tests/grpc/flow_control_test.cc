// A side that does not read holds the other one up, over gRPC too.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "fdrpc/grpc/channel.h"
#include "fdrpc/grpc/generic_service.h"
#include "fdrpc/server.h"
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
    generic_ = *grpc::GenericService::Create(server_);
    EXPECT_TRUE(server_.Start().ok());
    ::grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", ::grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterCallbackGenericService(generic_.get());
    over_grpc_ = builder.BuildAndStart();
    stub_.emplace(grpc::Channel(
        ::grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                              ::grpc::InsecureChannelCredentials())));
  }
  ~FlowControl() override {
    over_grpc_->Shutdown(std::chrono::system_clock::now());
  }

  // Gives a side that is not held up the time to go too far.
  void MakeOtherCalls() {
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(stub_->Echo(Numbered(i)).ok());
  }

  FakeService service_;
  Server server_;
  std::unique_ptr<grpc::GenericService> generic_;
  std::unique_ptr<::grpc::Server> over_grpc_;
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

}  // namespace
}  // namespace fdrpc::testing
