// What clients of a gateway notice when the server behind it, or the gateway
// itself, ends.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "fdrpc/channel.h"
#include "fdrpc/grpc/channel.h"
#include "tests/grpc/call_in_progress.h"
#include "tests/grpc/drain_timeout.h"
#include "tests/services/gateway/gateway_fixture.h"
#include "tests/support/service_manager.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Processes that serve on one socket, each in place of the one before.
class ReplacedServer {
 public:
  explicit ReplacedServer(const std::string& path)
      : socket_(BoundSocket(SOCK_STREAM, path)), program_(Start()) {}

  // The next one serves already; this one drains.
  void Replace() {
    former_ = std::exchange(program_, Start());
    former_->Signal(SIGTERM);
  }
  // Blocks until the one that was replaced has ended.
  void AwaitFormer() {
    EXPECT_EQ(former_->Wait().exit_status, 0);
    former_.reset();
  }

 private:
  std::unique_ptr<Program> Start() const {
    auto [output, input] = Pipe();
    auto program = std::make_unique<Program>(
        std::vector<std::string>{FDRPC_REPLACEABLE_SERVER, "fd:0"},
        ProgramOptions{.standard_input = socket_.get(),
                       .standard_output = input.get()});
    input.Reset();
    EXPECT_EQ(Program::ReadLine(output.get()), "ready");
    return program;
  }

  const UniqueFd socket_;
  std::unique_ptr<Program> program_;
  std::unique_ptr<Program> former_;
};

class GatewayRestarts : public Gateway {
 protected:
  std::string path() const { return dir_.path() + "/replaced"; }
  // Waits until no further calls are accepted. gRPC cancels what was on its
  // way.
  static void AwaitRefusal(const std::function<absl::Status()>& call) {
    absl::Status status;
    do {
      status = call();
    } while (status.ok() || absl::IsCancelled(status));
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  }
};

TEST_F(GatewayRestarts, NoCallFailsWhenTheServerIsReplaced) {
  ReplacedServer server(path());
  GatewayProgram gateway(
      {"--listen", "127.0.0.1:0", "--to", "unix:" + path(), "--insecure"});
  constexpr int kThreads = 4;
  constexpr int kCalls = 1000;
  constexpr int kReplacements = 5;
  std::atomic<int> calls = 0;
  std::atomic<bool> replaced = false;
  std::mutex mu;
  std::vector<std::string> errors;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const TestService::Stub stub = Over(Insecure(gateway.address()));
      while (calls.fetch_add(1) < kCalls || !replaced) {
        const auto reply = stub.Echo(TextOf("x"));
        if (reply.ok()) continue;
        const std::lock_guard lock(mu);
        errors.push_back(reply.status().ToString());
      }
    });
  }
  for (int i = 0; i < kReplacements; ++i) {
    // At least some calls of each.
    const int before = calls;
    while (calls < before + kThreads * 10) std::this_thread::yield();
    server.Replace();
    server.AwaitFormer();
  }
  replaced = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(errors, IsEmpty());
}

TEST_F(GatewayRestarts, CallsContinueWhileTheServerDrains) {
  ReplacedServer server(path());
  GatewayProgram gateway(
      {"--listen", "127.0.0.1:0", "--to", "unix:" + path(), "--insecure"});
  const TestService::Stub stub = Over(Insecure(gateway.address()));
  CallInProgress call(stub);
  server.Replace();
  // Of the next server, once the first one has told that it drains.
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(stub.Echo(TextOf("x")).ok());
  call.ExpectToContinue();
  server.AwaitFormer();
  EXPECT_TRUE(stub.Echo(TextOf("x")).ok());
}

TEST_F(GatewayRestarts, CallsWaitForAServerThatIsAway) {
  ServeFdrpc();
  GatewayProgram waiting({"--listen", "127.0.0.1:0", "--to", socket(),
                          "--insecure", "--wait-for-ready"});
  GatewayProgram hasty(
      {"--listen", "127.0.0.1:0", "--to", socket(), "--insecure"});
  server_.reset();
  const TestService::Stub stub = Over(Insecure(hasty.address()));
  EXPECT_TRUE(absl::IsUnavailable(stub.Echo(TextOf("x")).status()));
  const auto connection = Insecure(waiting.address());
  const TestService::Stub patient = Over(connection);
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      patient.Echo(TextOf("x"), {.timeout = absl::Milliseconds(20)}).status()));
  std::promise<absl::Status> done;
  patient.async().Echo(TextOf("x"), {}, [&](const absl::StatusOr<Text>& reply) {
    done.set_value(reply.status());
  });
  // The gateway answers this one itself; on the same connection, it has got the
  // other one before.
  static constexpr Method kNone = {.full_name = "none.None/None",
                                   .kind = MethodKind::kBidirectional};
  const std::shared_ptr<Caller> caller = grpc::Channel(connection);
  const auto none = caller->StartCall(kNone, nullptr, {}, CallForm::kBlocking);
  none->Await(CallEvent::kEnd);
  EXPECT_TRUE(absl::IsUnimplemented(none->status())) << none->status();
  ServeFdrpc();
  EXPECT_EQ(done.get_future().get(), absl::OkStatus());
}

TEST_F(GatewayRestarts, LocalCallsWaitForAServerOfGrpc) {
  const std::string target = ServeGrpc(/*reflection=*/true);
  GatewayProgram gateway(
      {"--listen", socket(), "--to", target, "--insecure", "--wait-for-ready"});
  grpc_server_->Shutdown();
  grpc_server_.reset();
  ::grpc::testing::TestService::Stub stub(*Channel::Connect(socket()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      stub.EmptyCall({}, {.timeout = absl::Milliseconds(50)}).status()));
}

TEST_F(GatewayRestarts, TheServersDrainTimeoutEndsCalls) {
  ServeFdrpc();
  GatewayProgram gateway(
      {"--listen", "127.0.0.1:0", "--to", socket(), "--insecure"});
  const TestService::Stub stub = Over(Insecure(gateway.address()));
  CallInProgress call(stub);
  server_->Shutdown(absl::ZeroDuration());
  const absl::Status status = call.AwaitEnd();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("drain timeout"));
}

TEST_F(GatewayRestarts, CallsOverGrpcContinueWhileTheGatewayDrains) {
  ServeFdrpc();
  GatewayProgram gateway(
      {"--listen", "127.0.0.1:0", "--to", socket(), "--insecure"});
  const TestService::Stub stub = Over(Insecure(gateway.address()));
  CallInProgress call(stub);
  gateway.program().Signal(SIGTERM);
  AwaitRefusal([&] { return stub.Echo(TextOf("x")).status(); });
  call.ExpectToContinue();
  EXPECT_EQ(gateway.program().Wait().exit_status, 0);
}

TEST_F(GatewayRestarts, TheGatewaysDrainTimeoutEndsCallsOverGrpc) {
  ServeFdrpc();
  GatewayProgram gateway({"--listen", "127.0.0.1:0", "--to", socket(),
                          "--insecure", "--drain-timeout", "1ms"});
  const auto stub = ::grpc::testing::over_grpc::TestService::NewStub(
      Insecure(gateway.address()));
  ::grpc::ClientContext context;
  context.AddMetadata(kHang, "1");
  const auto stream = stub->FullDuplexCall(&context);
  stream->WaitForInitialMetadata();
  const absl::Time start = absl::Now();
  gateway.program().Signal(SIGTERM);
  const ::grpc::Status status = stream->Finish();
  ExpectEndedByDrainTimeout(
      absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                   status.error_message()),
      absl::Now() - start);
  EXPECT_FALSE(interop_.cancelled.get_future().get().ok());
  EXPECT_EQ(gateway.program().Wait().exit_status, 0);
}

TEST_F(GatewayRestarts, LocalCallsContinueWhileTheGatewayDrains) {
  const std::string target = ServeGrpc(/*reflection=*/true);
  GatewayProgram gateway({"--listen", socket(), "--to", target, "--insecure"});
  const auto channel = Channel::Connect(socket());
  ::grpc::testing::TestService::Stub stub(*channel);
  const auto exchange = [](auto& stream) {
    ::grpc::testing::StreamingOutputCallRequest request;
    request.add_response_parameters()->set_size(1);
    return stream.Write(request) && stream.Read().has_value();
  };
  auto stream = stub.FullDuplexCall();
  ASSERT_TRUE(exchange(stream));
  gateway.program().Signal(SIGTERM);
  AwaitRefusal([&] { return stub.EmptyCall({}).status(); });
  ASSERT_TRUE(exchange(stream));
  stream.WritesDone();
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
  EXPECT_EQ(gateway.program().Wait().exit_status, 0);
}

}  // namespace
}  // namespace fdrpc::testing
