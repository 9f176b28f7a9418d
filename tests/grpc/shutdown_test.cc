// The end of a server over gRPC, and of single methods.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "fdrpc/grpc/channel.h"
#include "fdrpc/server.h"
#include "tests/grpc/call_in_progress.h"
#include "tests/grpc/drain_timeout.h"
#include "tests/grpc/served_over_grpc.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

class EndOverGrpc : public ::testing::Test {
 protected:
  EndOverGrpc() {
    server_.AddService(service_);
    over_grpc_.emplace(server_);
    EXPECT_TRUE(server_.Start().ok());
    stub_.emplace(grpc::Channel(over_grpc_->channel()));
  }

  // Ends the server, and measures that it does not wait for its clients.
  absl::Duration End() {
    const absl::Time start = absl::Now();
    EXPECT_EQ(over_grpc_->Shutdown(absl::ZeroDuration()), absl::OkStatus());
    return absl::Now() - start;
  }
  static constexpr absl::Duration kSoon = absl::Seconds(15);

  FakeService service_;
  Server server_;
  std::optional<ServedOverGrpc> over_grpc_;
  std::optional<TestService::Stub> stub_;
};

TEST_F(EndOverGrpc, LetsCallsContinue) {
  CallInProgress call(*stub_);
  std::future<absl::Status> end = std::async(std::launch::async, [&] {
    return over_grpc_->Shutdown(absl::InfiniteDuration());
  });
  // gRPC cancels what was on its way.
  absl::Status further;
  do {
    further = stub_->Echo(TextOf("x")).status();
  } while (further.ok() || absl::IsCancelled(further));
  EXPECT_TRUE(absl::IsUnavailable(further)) << further;
  call.ExpectToContinue();
  EXPECT_EQ(end.get(), absl::OkStatus());
}

TEST_F(EndOverGrpc, EndsCallsThatExceedTheDrainTimeout) {
  std::promise<absl::Status> ended;
  service_.chat = [&](ServerContext& context,
                      ServerStream<Text, Text>& stream) {
    stream.Write(TextOf("here"));
    while (stream.Read().has_value()) {
    }
    ended.set_value(context.cancellation_reason());
    return absl::OkStatus();
  };
  auto stream = stub_->Chat();
  ASSERT_TRUE(stream.Read().has_value());
  const absl::Time start = absl::Now();
  EXPECT_LT(End(), kSoon);
  EXPECT_FALSE(stream.Read().has_value());
  const absl::Status status = stream.Finish();
  ExpectEndedByDrainTimeout(status, absl::Now() - start);
  EXPECT_TRUE(absl::IsCancelled(ended.get_future().get()));
}

// Tells when it has got a call.
class ServiceThatTells final : public ::grpc::CallbackGenericService {
 public:
  explicit ServiceThatTells(grpc::GenericService& service)
      : service_(service) {}
  ::grpc::ServerGenericBidiReactor* CreateReactor(
      ::grpc::GenericCallbackServerContext* context) override {
    auto* const reactor = service_.CreateReactor(context);
    got_call.set_value();
    return reactor;
  }

  std::promise<void> got_call;

 private:
  grpc::GenericService& service_;
};

TEST_F(EndOverGrpc, EndsACallWithoutARequest) {
  ServiceThatTells service(over_grpc_->service());
  ::grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", ::grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<::grpc::Server> over_grpc = builder.BuildAndStart();
  const std::shared_ptr<Caller> caller = grpc::Channel(
      ::grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                            ::grpc::InsecureChannelCredentials()));
  // A method that takes one, as its client does not know.
  static constexpr Method kEcho = {
      .full_name = "fdrpc.testing.TestService/Echo",
      .kind = MethodKind::kBidirectional};
  const auto call = caller->StartCall(kEcho, nullptr, {}, CallForm::kBlocking);
  service.got_call.get_future().wait();
  const absl::Time start = absl::Now();
  EXPECT_EQ(over_grpc_->service().Shutdown(*over_grpc, absl::ZeroDuration()),
            absl::OkStatus());
  call->Await(CallEvent::kEnd);
  ExpectEndedByDrainTimeout(call->status(), absl::Now() - start);
}

TEST_F(EndOverGrpc, EndsACallWhoseClientDoesNotRead) {
  std::promise<void> ended;
  service_.watch = [&](ServerContext&, const Text&,
                       ServerWriter<Text>& replies) {
    Text message;
    message.set_data(std::string(64 << 10, 'x'));
    while (replies.Write(message)) {
    }
    ended.set_value();
    return absl::OkStatus();
  };
  auto replies = stub_->Watch(TextOf(""));
  ASSERT_TRUE(replies.Read().has_value());
  EXPECT_LT(End(), kSoon);
  ended.get_future().wait();
  while (replies.Read().has_value()) {
  }
  EXPECT_FALSE(replies.Finish().ok());
}

TEST_F(EndOverGrpc, MethodsComeAndGo) {
  const auto methods = service_.method_handlers();
  CallInProgress call(*stub_);
  over_grpc_->service().SetMethods({});
  EXPECT_TRUE(absl::IsUnimplemented(stub_->Echo(TextOf("x")).status()));
  // What has begun continues.
  call.ExpectToContinue();
  std::vector<const Method*> all;
  for (const auto& handler : methods) all.push_back(handler.method);
  over_grpc_->service().SetMethods(all);
  EXPECT_TRUE(stub_->Echo(TextOf("x")).ok());
}

}  // namespace
}  // namespace fdrpc::testing
