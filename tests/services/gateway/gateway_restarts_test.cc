// What clients of a gateway notice when the server behind it, or the gateway
// itself, ends.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

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

#include "fdrpc/channel.h"
#include "fdrpc/grpc/channel.h"
#include "google/protobuf/descriptor.pb.h"
#include "tests/grpc/certificate.h"
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
  static TestService::Stub Over(const std::shared_ptr<::grpc::Channel>& to) {
    return TestService::Stub(grpc::Channel(to));
  }
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
  auto stream = stub.Chat();
  ASSERT_TRUE(stream.Write(TextOf("a")));
  ASSERT_TRUE(stream.Read().has_value());
  server.Replace();
  // Of the next server, once the first one has told that it drains.
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(stub.Echo(TextOf("x")).ok());
  ASSERT_TRUE(stream.Write(TextOf("b")));
  const std::optional<Text> reply = stream.Read();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->text(), "b");
  stream.WritesDone();
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
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
  const TestService::Stub patient = Over(Insecure(waiting.address()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      patient.Echo(TextOf("x"), {.timeout = absl::Milliseconds(20)}).status()));
  std::promise<absl::Status> done;
  patient.async().Echo(TextOf("x"), {}, [&](const absl::StatusOr<Text>& reply) {
    done.set_value(reply.status());
  });
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
  auto stream = stub.Chat();
  ASSERT_TRUE(stream.Write(TextOf("a")));
  ASSERT_TRUE(stream.Read().has_value());
  server_->Shutdown(absl::ZeroDuration());
  EXPECT_FALSE(stream.Read().has_value());
  const absl::Status status = stream.Finish();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("drain timeout"));
}

TEST_F(GatewayRestarts, CallsOverGrpcContinueWhileTheGatewayDrains) {
  ServeFdrpc();
  GatewayProgram gateway(
      {"--listen", "127.0.0.1:0", "--to", socket(), "--insecure"});
  const TestService::Stub stub = Over(Insecure(gateway.address()));
  auto stream = stub.Chat();
  ASSERT_TRUE(stream.Write(TextOf("a")));
  ASSERT_TRUE(stream.Read().has_value());
  gateway.program().Signal(SIGTERM);
  AwaitRefusal([&] { return stub.Echo(TextOf("x")).status(); });
  ASSERT_TRUE(stream.Write(TextOf("b")));
  ASSERT_TRUE(stream.Read().has_value());
  stream.WritesDone();
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
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
  gateway.program().Signal(SIGTERM);
  const ::grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("drain timeout"));
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

// SIGHUP.

TEST_F(GatewayRestarts, LearnsTheServicesOfALocalServerAgain) {
  server_.emplace();
  server_->AddService(fake_);
  EnableReflection(*server_);
  ASSERT_TRUE(server_->Listen(socket()).ok());
  ASSERT_TRUE(server_->Start().ok());
  GatewayProgram gateway(
      {"--listen", "127.0.0.1:0", "--to", socket(), "--insecure"});
  const auto channel = Insecure(gateway.address());
  const ::grpc::testing::TestService::Stub stub{grpc::Channel(channel)};
  EXPECT_TRUE(absl::IsUnimplemented(stub.EmptyCall({}).status()));
  EXPECT_TRUE(Over(channel).Echo(TextOf("x")).ok());
  server_.reset();
  ServeFdrpc();
  gateway.program().Signal(SIGHUP);
  absl::Status learnt;
  do {
    learnt = stub.EmptyCall({}).status();
  } while (absl::IsUnimplemented(learnt));
  EXPECT_EQ(learnt, absl::OkStatus());
}

TEST_F(GatewayRestarts, LearnsTheServicesOfAServerOfGrpcAgain) {
  const std::string target = ServeGrpc(/*reflection=*/false);
  google::protobuf::FileDescriptorSet files;
  ::grpc::testing::Empty::descriptor()->file()->CopyTo(files.add_file());
  google::protobuf::FileDescriptorSet without = files;
  without.mutable_file(0)->clear_service();
  const std::string set = Write("set", without.SerializeAsString());
  GatewayProgram gateway({"--listen", socket(), "--to", target, "--insecure",
                          "--descriptor-set", set});
  const auto channel = Channel::Connect(socket());
  ::grpc::testing::TestService::Stub stub(*channel);
  EXPECT_TRUE(absl::IsUnimplemented(stub.EmptyCall({}).status()));
  for (int i = 0; i < 3; ++i) {
    Write("set", (i == 1 ? without : files).SerializeAsString());
    gateway.program().Signal(SIGHUP);
    absl::Status status;
    do {
      status = stub.EmptyCall({}).status();
    } while (status.ok() == (i == 1));
    EXPECT_EQ(status.code(), i == 1 ? absl::StatusCode::kUnimplemented
                                    : absl::StatusCode::kOk);
  }
  gateway.program().Signal(SIGTERM);
  EXPECT_EQ(gateway.program().Wait().exit_status, 0);
  // The last one of its servers has removed it.
  EXPECT_NE(access((dir_.path() + "/fdrpc").c_str(), F_OK), 0);
}

TEST_F(GatewayRestarts, KeepsTheServicesIfItCannotLearnThem) {
  const std::string target = ServeGrpc(/*reflection=*/false);
  google::protobuf::FileDescriptorSet files;
  ::grpc::testing::Empty::descriptor()->file()->CopyTo(files.add_file());
  const std::string set = Write("set", files.SerializeAsString());
  auto [errors, input] = Pipe();
  GatewayProgram gateway({"--listen", socket(), "--to", target, "--insecure",
                          "--descriptor-set", set},
                         input.get());
  input.Reset();
  Write("set", "none");
  gateway.program().Signal(SIGHUP);
  EXPECT_THAT(Program::ReadLine(errors.get()),
              HasSubstr("cannot learn the services again: "));
  const auto channel = Channel::Connect(socket());
  ::grpc::testing::TestService::Stub stub(*channel);
  EXPECT_TRUE(stub.EmptyCall({}).ok());
}

// The service manager.

TEST_F(GatewayRestarts, TellsTheServiceManagerWhenBothSidesAreThere) {
  const std::string notify = dir_.path() + "/notify";
  const NotifyListener manager(notify);
  const ScopedVariable variable("NOTIFY_SOCKET", notify);
  google::protobuf::FileDescriptorSet files;
  ::grpc::testing::Empty::descriptor()->file()->CopyTo(files.add_file());
  const std::string set = Write("set", files.SerializeAsString());
  std::thread serves([&] { ServeFdrpc(); });
  GatewayProgram gateway({"--listen", "127.0.0.1:0", "--to", socket(),
                          "--insecure", "--descriptor-set", set});
  serves.join();
  EXPECT_EQ(manager.ReadState(), "READY=1");
  const ::grpc::testing::TestService::Stub stub{
      grpc::Channel(Insecure(gateway.address()))};
  EXPECT_TRUE(stub.EmptyCall({}).ok());
  gateway.program().Signal(SIGTERM);
  EXPECT_EQ(manager.ReadState(), "STOPPING=1");
  EXPECT_EQ(gateway.program().Wait().exit_status, 0);
}

TEST_F(GatewayRestarts, TellsTheServiceManagerThatItServesLocally) {
  const std::string notify = dir_.path() + "/notify";
  const NotifyListener manager(notify);
  const ScopedVariable variable("NOTIFY_SOCKET", notify);
  const std::string target = ServeGrpc(/*reflection=*/true);
  GatewayProgram gateway({"--listen", socket(), "--to", target, "--insecure"});
  EXPECT_EQ(manager.ReadState(), "READY=1");
  gateway.program().Signal(SIGTERM);
  EXPECT_EQ(manager.ReadState(), "STOPPING=1");
}

TEST_F(GatewayRestarts, ConnectionsWaitForTheNextGatewayOnASocket) {
  ServeFdrpc();
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {.sin_family = AF_INET,
                         .sin_port = 0,
                         .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                         .sin_zero = {}};
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener.get(), any, size), 0);
  ASSERT_EQ(listen(listener.get(), SOMAXCONN), 0);
  ASSERT_EQ(getsockname(listener.get(), any, &size), 0);
  const Certificate host = Certificate::For("localhost");
  const Certificate ann = Certificate::For("ann.example.org");
  const std::vector<std::string> gateway_words = {
      FDRPC_GATEWAY,
      "--listen",
      "fd:0",
      "--to",
      socket(),
      "--tls-key",
      Write("key", host.key),
      "--tls-certificate",
      Write("cert", host.certificate),
      "--tls-ca",
      Write("ca", ann.certificate)};
  std::optional<RemotePeer> remote;
  fake_.echo = [&](ServerContext& context, const Text&, Text&) {
    if (context.remote_peer() != nullptr) remote = *context.remote_peer();
    return absl::OkStatus();
  };
  for (int i = 0; i < 3; ++i) {
    std::thread calls([&, i] {
      // A channel of its own, with a connection of its own.
      ::grpc::ChannelArguments arguments;
      arguments.SetInt("test.number", i);
      const auto stub = Over(::grpc::CreateCustomChannel(
          "127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
          ::grpc::SslCredentials({.pem_root_certs = host.certificate,
                                  .pem_private_key = ann.key,
                                  .pem_cert_chain = ann.certificate}),
          arguments));
      const auto reply = stub.Echo(TextOf("x"));
      EXPECT_TRUE(reply.ok()) << reply.status();
    });
    Program gateway(gateway_words, {.standard_input = listener.get()});
    calls.join();
    ASSERT_TRUE(remote.has_value());
    EXPECT_THAT(remote->address, HasSubstr("127.0.0.1"));
    EXPECT_EQ(remote->identity, "ann.example.org");
    gateway.Signal(SIGTERM);
    EXPECT_EQ(gateway.Wait().exit_status, 0);
  }
}

}  // namespace
}  // namespace fdrpc::testing
