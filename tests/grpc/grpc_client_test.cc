// What gRPC's interoperability tests demand of a server, with gRPC's own client
// and services of fdrpc.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/grpc/generic_service.h"
#include "fdrpc/server.h"
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

// How calls get from gRPC to the service.
enum class Way { kServed, kThroughGateway };

class GrpcClient : public ::testing::TestWithParam<Way> {
 protected:
  GrpcClient() {
    server_.AddService(service_);
    if (GetParam() == Way::kServed) {
      auto made = grpc::GenericService::Create(server_);
      EXPECT_TRUE(made.ok()) << made.status();
      generic_ = *std::move(made);
    } else {
      const std::string address = "unix:" + dir_.path() + "/socket";
      EXPECT_TRUE(server_.Listen(address).ok());
      const auto channel = Channel::Connect(address);
      std::vector<const Method*> methods;
      for (const auto& handler : service_.method_handlers()) {
        methods.push_back(handler.method);
      }
      generic_ = std::make_unique<grpc::GenericService>(*channel, methods);
    }
    EXPECT_TRUE(server_.Start().ok());
    ::grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", ::grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterCallbackGenericService(generic_.get());
    builder.SetMaxReceiveMessageSize(32 << 20);
    over_grpc_ = builder.BuildAndStart();
    ::grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(32 << 20);
    channel_ = ::grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                           ::grpc::InsecureChannelCredentials(),
                                           arguments);
    stub_ = ::grpc::testing::over_grpc::TestService::NewStub(channel_);
  }
  ~GrpcClient() override {
    // served_over_grpc.h says why it has no deadline.
    over_grpc_->Shutdown();
  }

  static SimpleRequest Asking(int size) {
    SimpleRequest request;
    request.set_response_size(size);
    return request;
  }
  static StreamingOutputCallRequest AskingFor(std::vector<int> sizes) {
    StreamingOutputCallRequest request;
    for (const int size : sizes) {
      request.add_response_parameters()->set_size(size);
    }
    return request;
  }

  TempDir dir_;
  InteropService service_;
  Server server_;
  std::unique_ptr<grpc::GenericService> generic_;
  std::unique_ptr<::grpc::Server> over_grpc_;
  std::shared_ptr<::grpc::Channel> channel_;
  std::unique_ptr<::grpc::testing::over_grpc::TestService::Stub> stub_;
  ::grpc::ClientContext context_;
};

INSTANTIATE_TEST_SUITE_P(, GrpcClient,
                         ::testing::Values(Way::kServed, Way::kThroughGateway),
                         [](const auto& info) {
                           return info.param == Way::kServed ? "Served"
                                                             : "Gateway";
                         });

TEST_P(GrpcClient, EmptyUnary) {
  Empty reply;
  const ::grpc::Status status = stub_->EmptyCall(&context_, {}, &reply);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_P(GrpcClient, LargeUnary) {
  SimpleRequest request = Asking(16 << 20);
  request.mutable_payload()->set_body(std::string(16 << 20, 'y'));
  SimpleResponse reply;
  const ::grpc::Status status = stub_->UnaryCall(&context_, request, &reply);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.payload().body().size(), 16u << 20);
}

TEST_P(GrpcClient, ClientStreaming) {
  StreamingInputCallResponse reply;
  const auto writer = stub_->StreamingInputCall(&context_, &reply);
  for (const int size : {27182, 8, 1828, 45904}) {
    StreamingInputCallRequest request;
    request.mutable_payload()->set_body(std::string(size, 'y'));
    ASSERT_TRUE(writer->Write(request));
  }
  writer->WritesDone();
  const ::grpc::Status status = writer->Finish();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.aggregated_payload_size(), 74922);
}

TEST_P(GrpcClient, ServerStreaming) {
  const std::vector<int> sizes = {31415, 9, 2653, 58979};
  const auto reader = stub_->StreamingOutputCall(&context_, AskingFor(sizes));
  StreamingOutputCallResponse reply;
  std::vector<int> received;
  while (reader->Read(&reply)) {
    received.push_back(static_cast<int>(reply.payload().body().size()));
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(received, sizes);
}

TEST_P(GrpcClient, PingPong) {
  const auto stream = stub_->FullDuplexCall(&context_);
  for (const int size : {31415, 9, 2653, 58979}) {
    ASSERT_TRUE(stream->Write(AskingFor({size})));
    StreamingOutputCallResponse reply;
    ASSERT_TRUE(stream->Read(&reply));
    EXPECT_EQ(reply.payload().body().size(), static_cast<size_t>(size));
  }
  stream->WritesDone();
  StreamingOutputCallResponse reply;
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(GrpcClient, EmptyStream) {
  const auto stream = stub_->FullDuplexCall(&context_);
  stream->WritesDone();
  StreamingOutputCallResponse reply;
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(GrpcClient, CustomMetadata) {
  const std::string bytes("\x0a\x0b\x00\xff", 4);
  context_.AddMetadata(kEchoInitial, "initial");
  context_.AddMetadata(kEchoTrailing, bytes);
  const auto stream = stub_->FullDuplexCall(&context_);
  ASSERT_TRUE(stream->Write(AskingFor({1})));
  StreamingOutputCallResponse reply;
  ASSERT_TRUE(stream->Read(&reply));
  stream->WritesDone();
  ASSERT_TRUE(stream->Finish().ok());
  const auto& initial = context_.GetServerInitialMetadata();
  ASSERT_EQ(initial.count(kEchoInitial), 1u);
  EXPECT_EQ(initial.find(kEchoInitial)->second, "initial");
  const auto& trailing = context_.GetServerTrailingMetadata();
  ASSERT_EQ(trailing.count(kEchoTrailing), 1u);
  EXPECT_EQ(trailing.find(kEchoTrailing)->second, bytes);
}

TEST_P(GrpcClient, StatusCodeAndMessage) {
  SimpleRequest request;
  request.mutable_response_status()->set_code(2);
  request.mutable_response_status()->set_message("test status message");
  SimpleResponse reply;
  const ::grpc::Status status = stub_->UnaryCall(&context_, request, &reply);
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::UNKNOWN);
  EXPECT_EQ(status.error_message(), "test status message");
  // A google.rpc.Status, with the service's detail.
  EXPECT_NE(status.error_details().find("example.org/detail"),
            std::string::npos);
}

TEST_P(GrpcClient, SpecialStatusMessage) {
  SimpleRequest request;
  const std::string message =
      "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP "
      "\xf0\x9f\x98\x88\t\n";
  request.mutable_response_status()->set_code(2);
  request.mutable_response_status()->set_message(message);
  SimpleResponse reply;
  const ::grpc::Status status = stub_->UnaryCall(&context_, request, &reply);
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::UNKNOWN);
  EXPECT_EQ(status.error_message(), message);
}

TEST_P(GrpcClient, UnimplementedMethod) {
  Empty reply;
  EXPECT_EQ(stub_->UnimplementedCall(&context_, {}, &reply).error_code(),
            ::grpc::StatusCode::UNIMPLEMENTED);
}

TEST_P(GrpcClient, UnimplementedService) {
  const auto stub =
      ::grpc::testing::over_grpc::UnimplementedService::NewStub(channel_);
  Empty reply;
  EXPECT_EQ(stub->UnimplementedCall(&context_, {}, &reply).error_code(),
            ::grpc::StatusCode::UNIMPLEMENTED);
}

TEST_P(GrpcClient, CancelAfterBegin) {
  StreamingInputCallResponse reply;
  context_.AddMetadata(kHang, "1");
  const auto writer = stub_->StreamingInputCall(&context_, &reply);
  context_.TryCancel();
  EXPECT_EQ(writer->Finish().error_code(), ::grpc::StatusCode::CANCELLED);
}

TEST_P(GrpcClient, CancelReachesTheHandler) {
  context_.AddMetadata(kHang, "1");
  const auto stream = stub_->FullDuplexCall(&context_);
  stream->WaitForInitialMetadata();
  context_.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), ::grpc::StatusCode::CANCELLED);
  EXPECT_EQ(service_.cancelled.get_future().get().code(),
            absl::StatusCode::kCancelled);
}

TEST_P(GrpcClient, CancelAfterFirstResponse) {
  const auto stream = stub_->FullDuplexCall(&context_);
  ASSERT_TRUE(stream->Write(AskingFor({31415})));
  StreamingOutputCallResponse reply;
  ASSERT_TRUE(stream->Read(&reply));
  context_.TryCancel();
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_EQ(stream->Finish().error_code(), ::grpc::StatusCode::CANCELLED);
}

TEST_P(GrpcClient, TimeoutOnSleepingServer) {
  context_.AddMetadata(kHang, "1");
  context_.set_deadline(std::chrono::system_clock::now() +
                        std::chrono::milliseconds(50));
  const auto stream = stub_->FullDuplexCall(&context_);
  stream->Write(AskingFor({}));
  StreamingOutputCallResponse reply;
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_EQ(stream->Finish().error_code(),
            ::grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_P(GrpcClient, AThousandStreamsAtOnce) {
  constexpr int kStreams = 1000;
  std::vector<std::unique_ptr<::grpc::ClientContext>> contexts;
  using Stream = ::grpc::ClientReaderWriter<StreamingOutputCallRequest,
                                            StreamingOutputCallResponse>;
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < kStreams; ++i) {
    contexts.push_back(std::make_unique<::grpc::ClientContext>());
    streams.push_back(stub_->FullDuplexCall(contexts.back().get()));
    ASSERT_TRUE(streams.back()->Write(AskingFor({100, 100})));
    streams.back()->WritesDone();
  }
  for (const auto& stream : streams) {
    StreamingOutputCallResponse reply;
    int replies = 0;
    while (stream->Read(&reply)) ++replies;
    EXPECT_EQ(replies, 2);
    EXPECT_TRUE(stream->Finish().ok());
  }
}

TEST_P(GrpcClient, AServerThatHasShutDownIsUnavailable) {
  server_.Shutdown();
  server_.Wait();
  Empty reply;
  EXPECT_EQ(stub_->EmptyCall(&context_, {}, &reply).error_code(),
            ::grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace fdrpc::testing
