// What gRPC's interoperability tests demand of a client, with fdrpc's stubs and
// a server of gRPC.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/grpc/channel.h"
#include "fdrpc/grpc/forwarding_service.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "tests/grpc/interop_services.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::grpc::testing::Empty;
using ::grpc::testing::SimpleRequest;
using ::grpc::testing::SimpleResponse;
using ::grpc::testing::StreamingInputCallRequest;
using ::grpc::testing::StreamingInputCallResponse;
using ::grpc::testing::StreamingOutputCallRequest;
using ::grpc::testing::StreamingOutputCallResponse;
using Stub = ::grpc::testing::TestService::Stub;

enum class Route { kChannel, kThroughGateway };

class FdrpcClient : public ::testing::TestWithParam<Route> {
 protected:
  FdrpcClient() {
    ::grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", ::grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service_);
    builder.SetMaxReceiveMessageSize(32 << 20);
    grpc_server_ = builder.BuildAndStart();
    ::grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(32 << 20);
    channel_.emplace(::grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port),
        ::grpc::InsecureChannelCredentials(), arguments));
    caller_ = *channel_;
    if (GetParam() == Route::kThroughGateway) {
      const auto* file = Empty::descriptor()->file();
      for (int i = 0; i < file->service_count(); ++i) {
        gateway_.AddService(std::make_unique<grpc::ForwardingService>(
            *file->service(i), *channel_));
      }
      const std::string address = "unix:" + dir_.path() + "/socket";
      EXPECT_TRUE(gateway_.Listen(address).ok());
      EXPECT_TRUE(gateway_.Start().ok());
      caller_ = *Channel::Connect(address);
    }
    stub_.emplace(caller_);
  }
  ~FdrpcClient() override {
    // served_over_grpc.h says why it has no deadline.
    if (grpc_server_ != nullptr) grpc_server_->Shutdown();
  }

  static StreamingOutputCallRequest AskingFor(std::vector<int> sizes) {
    StreamingOutputCallRequest request;
    for (const int size : sizes) {
      request.add_response_parameters()->set_size(size);
    }
    return request;
  }
  static StreamingInputCallRequest OfSize(int size) {
    StreamingInputCallRequest request;
    request.mutable_payload()->set_body(std::string(size, 'y'));
    return request;
  }

  // gcc 12 takes no list of initialisers in a coroutine.
  static std::vector<int> Sizes() { return {10, 200000, 30}; }
  static std::vector<int> Two(int size) { return {size, 1}; }

  TempDir dir_;
  GrpcInteropService service_;
  std::unique_ptr<::grpc::Server> grpc_server_;
  std::optional<grpc::Channel> channel_;
  Server gateway_;
  std::shared_ptr<Caller> caller_;
  std::optional<Stub> stub_;
};

INSTANTIATE_TEST_SUITE_P(, FdrpcClient,
                         ::testing::Values(Route::kChannel,
                                           Route::kThroughGateway),
                         [](const auto& info) {
                           return info.param == Route::kChannel ? "Channel"
                                                                : "Gateway";
                         });

TEST_P(FdrpcClient, EmptyUnary) {
  const auto reply = stub_->EmptyCall({});
  EXPECT_TRUE(reply.ok()) << reply.status();
}

TEST_P(FdrpcClient, LargeUnary) {
  SimpleRequest request;
  request.set_response_size(16 << 20);
  request.mutable_payload()->set_body(std::string(16 << 20, 'y'));
  const auto reply = stub_->UnaryCall(request);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->payload().body().size(), 16u << 20);
}

TEST_P(FdrpcClient, ClientStreaming) {
  auto writer = stub_->StreamingInputCall();
  for (const int size : {27182, 8, 1828, 45904}) {
    ASSERT_TRUE(writer.Write(OfSize(size)));
  }
  const auto reply = writer.Finish();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->aggregated_payload_size(), 74922);
}

TEST_P(FdrpcClient, ServerStreaming) {
  const std::vector<int> sizes = {31415, 9, 2653, 58979};
  auto reader = stub_->StreamingOutputCall(AskingFor(sizes));
  std::vector<int> received;
  while (const auto reply = reader.Read()) {
    received.push_back(static_cast<int>(reply->payload().body().size()));
  }
  EXPECT_EQ(reader.Finish(), absl::OkStatus());
  EXPECT_EQ(received, sizes);
}

TEST_P(FdrpcClient, PingPong) {
  auto stream = stub_->FullDuplexCall();
  for (const int size : {31415, 9, 2653, 58979}) {
    ASSERT_TRUE(stream.Write(AskingFor({size})));
    const auto reply = stream.Read();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->payload().body().size(), static_cast<size_t>(size));
  }
  stream.WritesDone();
  EXPECT_FALSE(stream.Read().has_value());
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
}

TEST_P(FdrpcClient, EmptyStream) {
  auto stream = stub_->FullDuplexCall();
  stream.WritesDone();
  EXPECT_FALSE(stream.Read().has_value());
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
}

TEST_P(FdrpcClient, CustomMetadata) {
  const std::string bytes("\x0a\x0b\x00\xff", 4);
  auto stream = stub_->FullDuplexCall(
      {.metadata = {{kEchoInitial, "initial"}, {kEchoTrailing, bytes}}});
  ASSERT_TRUE(stream.Write(AskingFor({1})));
  ASSERT_TRUE(stream.Read().has_value());
  EXPECT_EQ(stream.headers().Get(kEchoInitial), "initial");
  stream.WritesDone();
  ASSERT_EQ(stream.Finish(), absl::OkStatus());
  EXPECT_EQ(stream.trailers().Get(kEchoTrailing), bytes);
  EXPECT_EQ(stream.trailers().size(), 1u);
}

TEST_P(FdrpcClient, MetadataOfAUnaryCall) {
  ReplyMetadata metadata;
  const auto reply = stub_->EmptyCall(
      {}, {.metadata = {{kEchoInitial, "initial"}, {kEchoTrailing, "trailing"}},
           .reply_metadata = &metadata});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(metadata.headers.Get(kEchoInitial), "initial");
  EXPECT_EQ(metadata.trailers.Get(kEchoTrailing), "trailing");
}

TEST_P(FdrpcClient, StatusCodeAndMessage) {
  SimpleRequest request;
  request.mutable_response_status()->set_code(2);
  request.mutable_response_status()->set_message("test status message");
  const absl::Status status = stub_->UnaryCall(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(status.message(), "test status message");
  EXPECT_EQ(status.GetPayload("example.org/detail"), absl::Cord("\x01\xff"));
}

TEST_P(FdrpcClient, SpecialStatusMessage) {
  SimpleRequest request;
  const std::string message =
      "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP "
      "\xf0\x9f\x98\x88\t\n";
  request.mutable_response_status()->set_code(2);
  request.mutable_response_status()->set_message(message);
  const absl::Status status = stub_->UnaryCall(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(status.message(), message);
}

TEST_P(FdrpcClient, UnimplementedMethod) {
  EXPECT_TRUE(absl::IsUnimplemented(stub_->UnimplementedCall({}).status()));
}

TEST_P(FdrpcClient, UnimplementedService) {
  ::grpc::testing::UnimplementedService::Stub stub(caller_);
  EXPECT_TRUE(absl::IsUnimplemented(stub.UnimplementedCall({}).status()));
}

TEST_P(FdrpcClient, CancelAfterBegin) {
  auto writer = stub_->StreamingInputCall({.metadata = {{kHang, "1"}}});
  writer.Cancel();
  EXPECT_TRUE(absl::IsCancelled(writer.Finish().status()));
}

TEST_P(FdrpcClient, CancelReachesTheHandler) {
  std::stop_source stop;
  auto stream = stub_->FullDuplexCall(
      {.metadata = {{kHang, "1"}}, .cancellation = stop.get_token()});
  stream.headers();
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(stream.Finish()));
  service_.cancelled.get_future().wait();
}

TEST_P(FdrpcClient, CancelAfterFirstResponse) {
  auto stream = stub_->FullDuplexCall();
  ASSERT_TRUE(stream.Write(AskingFor({31415})));
  ASSERT_TRUE(stream.Read().has_value());
  stream.Cancel();
  EXPECT_FALSE(stream.Read().has_value());
  EXPECT_TRUE(absl::IsCancelled(stream.Finish()));
}

TEST_P(FdrpcClient, TimeoutOnSleepingServer) {
  auto stream = stub_->FullDuplexCall(
      {.timeout = absl::Milliseconds(50), .metadata = {{kHang, "1"}}});
  stream.Write(AskingFor({}));
  EXPECT_FALSE(stream.Read().has_value());
  EXPECT_TRUE(absl::IsDeadlineExceeded(stream.Finish()));
}

TEST_P(FdrpcClient, AThousandStreamsAtOnce) {
  std::vector<
      ClientStream<StreamingOutputCallRequest, StreamingOutputCallResponse>>
      streams;
  for (int i = 0; i < 1000; ++i) {
    streams.push_back(stub_->FullDuplexCall());
    ASSERT_TRUE(streams.back().WriteLast(AskingFor({100, 100})));
  }
  for (auto& stream : streams) {
    EXPECT_TRUE(stream.Read().has_value());
    EXPECT_TRUE(stream.Read().has_value());
    EXPECT_FALSE(stream.Read().has_value());
    EXPECT_EQ(stream.Finish(), absl::OkStatus());
  }
}

TEST_P(FdrpcClient, Callbacks) {
  std::promise<absl::StatusOr<SimpleResponse>> unary;
  SimpleRequest request;
  request.set_response_size(100);
  stub_->async().UnaryCall(request, {},
                           [&](absl::StatusOr<SimpleResponse> reply) {
                             unary.set_value(std::move(reply));
                           });
  const auto reply = unary.get_future().get();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->payload().body().size(), 100u);
}

TEST_P(FdrpcClient, Coroutines) {
  std::promise<std::vector<size_t>> done;
  const auto run = [](Stub& stub,
                      std::promise<std::vector<size_t>>& done) -> Task<void> {
    std::vector<size_t> sizes;
    auto stream = stub.co().FullDuplexCall();
    const std::vector<int> wanted = Sizes();
    for (const int size : wanted) {
      const StreamingOutputCallRequest request = AskingFor(Two(size));
      if (!co_await stream.Write(request)) break;
      for (int i = 0; i < 2; ++i) {
        const auto reply = co_await stream.Read();
        if (reply.has_value()) sizes.push_back(reply->payload().body().size());
      }
    }
    stream.WritesDone();
    const absl::Status status = co_await stream.Finish();
    if (status.ok()) sizes.push_back(0);
    done.set_value(sizes);
  };
  Spawn(run(*stub_, done));
  EXPECT_EQ(done.get_future().get(),
            (std::vector<size_t>{10, 1, 200000, 1, 30, 1, 0}));
}

TEST_P(FdrpcClient, AServerThatHasShutDownIsUnavailable) {
  ASSERT_TRUE(stub_->EmptyCall({}).ok());
  grpc_server_->Shutdown();
  grpc_server_.reset();
  EXPECT_TRUE(absl::IsUnavailable(stub_->EmptyCall({}).status()));
}

TEST(GrpcChannel, WaitsForTheServer) {
  const TempDir dir;
  const std::string address = "unix:" + dir.path() + "/grpc";
  grpc::Channel channel(
      ::grpc::CreateChannel(address, ::grpc::InsecureChannelCredentials()));
  EXPECT_EQ(channel.state(), ChannelState::kIdle);
  Stub stub(channel);
  EXPECT_TRUE(absl::IsUnavailable(stub.EmptyCall({}).status()));
  std::promise<absl::StatusOr<Empty>> waited;
  stub.async().EmptyCall(
      {}, {.wait_for_ready = true},
      [&](absl::StatusOr<Empty> reply) { waited.set_value(std::move(reply)); });
  GrpcInteropService service;
  ::grpc::ServerBuilder builder;
  builder.AddListeningPort(address, ::grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  EXPECT_EQ(channel.WaitForReady(absl::InfiniteDuration()), absl::OkStatus());
  EXPECT_EQ(channel.state(), ChannelState::kReady);
  const auto reply = waited.get_future().get();
  EXPECT_TRUE(reply.ok()) << reply.status();
}

TEST(GrpcChannel, RefusesMetadataThatBelongsToGrpc) {
  grpc::Channel channel(::grpc::CreateChannel(
      "unix:/nowhere", ::grpc::InsecureChannelCredentials()));
  Stub stub(channel);
  for (const char* key : {"grpc-timeout", "user-agent", "Upper", ""}) {
    const absl::Status status =
        stub.EmptyCall({}, {.metadata = {{key, "x"}}}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << key << ": " << status;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(
      stub.EmptyCall({}, {.metadata = {{"text", "\n"}}}).status()));
}

}  // namespace
}  // namespace fdrpc::testing
