// What a gateway does for those who manage it: SIGHUP, the service manager, and
// sockets that it inherits.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>
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

using GatewayManagement = Gateway;

// SIGHUP.

TEST_F(GatewayManagement, LearnsTheServicesOfALocalServerAgain) {
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

TEST_F(GatewayManagement, LearnsTheServicesOfAServerOfGrpcAgain) {
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

TEST_F(GatewayManagement, KeepsTheServicesIfItCannotLearnThem) {
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

TEST_F(GatewayManagement, TellsTheServiceManagerWhenBothSidesAreThere) {
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

TEST_F(GatewayManagement, TellsTheServiceManagerThatItServesLocally) {
  const std::string notify = dir_.path() + "/notify";
  const NotifyListener manager(notify);
  const ScopedVariable variable("NOTIFY_SOCKET", notify);
  const std::string target = ServeGrpc(/*reflection=*/true);
  GatewayProgram gateway({"--listen", socket(), "--to", target, "--insecure"});
  EXPECT_EQ(manager.ReadState(), "READY=1");
  gateway.program().Signal(SIGTERM);
  EXPECT_EQ(manager.ReadState(), "STOPPING=1");
}

TEST_F(GatewayManagement, ConnectionsWaitForTheNextGatewayOnASocket) {
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
