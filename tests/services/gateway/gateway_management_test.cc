// What a gateway does for those who manage it: SIGHUP, the service manager, and
// sockets that it inherits.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
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

// A listening TCP socket.
UniqueFd TcpListener() {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = {.sin_family = AF_INET,
                               .sin_port = 0,
                               .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                               .sin_zero = {}};
  EXPECT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address),
                 sizeof(address)),
            0);
  EXPECT_EQ(listen(listener.get(), SOMAXCONN), 0);
  return listener;
}

std::string AddressOf(const UniqueFd& listener) {
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  EXPECT_EQ(
      getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size),
      0);
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

absl::Duration CpuTimeOf(pid_t process) {
  clockid_t clock = {};
  EXPECT_EQ(clock_getcpuclockid(process, &clock), 0);
  timespec time = {};
  EXPECT_EQ(clock_gettime(clock, &time), 0);
  return absl::DurationFromTimespec(time);
}

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
  // What the gateway reaches is no server yet.
  UniqueFd silent = BoundSocket(SOCK_STREAM, dir_.path() + "/fdrpc");
  Program gateway({FDRPC_GATEWAY, "--listen", "127.0.0.1:0", "--to", socket(),
                   "--insecure", "--descriptor-set", set});
  pollfd polled[] = {{.fd = silent.get(), .events = POLLIN, .revents = 0},
                     {.fd = manager.fd(), .events = POLLIN, .revents = 0}};
  ASSERT_GT(poll(polled, 2, -1), 0);
  EXPECT_NE(polled[0].revents, 0);
  EXPECT_EQ(polled[1].revents, 0);
  silent.Reset();
  ServeFdrpc();
  EXPECT_EQ(manager.ReadState(), "READY=1");
  gateway.Signal(SIGTERM);
  EXPECT_EQ(manager.ReadState(), "STOPPING=1");
  const Ending ending = gateway.Wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(ending.output, HasSubstr("listening on 127.0.0.1:"));
}

TEST_F(GatewayManagement, TellsTheWatchdogThatItIsAlive) {
  const std::string notify = dir_.path() + "/notify";
  const NotifyListener manager(notify);
  const ScopedVariable variable("NOTIFY_SOCKET", notify);
  const ScopedVariable watchdog("WATCHDOG_USEC", "20000");
  ServeFdrpc();
  const GatewayProgram gateway(
      {"--listen", "127.0.0.1:0", "--to", socket(), "--insecure"});
  EXPECT_EQ(manager.Read(), "READY=1");
  EXPECT_EQ(manager.Read(), "WATCHDOG=1");
  EXPECT_EQ(manager.Read(), "WATCHDOG=1");
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
  const UniqueFd listener = TcpListener();
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
    remote.reset();
    std::thread calls([&, i] {
      // A channel of its own, with a connection of its own.
      ::grpc::ChannelArguments arguments;
      arguments.SetInt("test.number", i);
      const auto stub = Over(::grpc::CreateCustomChannel(
          AddressOf(listener),
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

// Which wakes it up for nothing, again and again.
TEST_F(GatewayManagement, DoesNotSpinOnASocketThatIsShutDown) {
  ServeFdrpc();
  const UniqueFd listener = TcpListener();
  Program gateway(
      {FDRPC_GATEWAY, "--listen", "fd:0", "--to", socket(), "--insecure"},
      {.standard_input = listener.get()});
  const TestService::Stub stub = Over(Insecure(AddressOf(listener)));
  ASSERT_TRUE(stub.Echo(TextOf("x")).ok());
  ASSERT_EQ(shutdown(listener.get(), SHUT_RDWR), 0);
  const absl::Duration before = CpuTimeOf(gateway.pid());
  // The time that is measured.
  poll(nullptr, 0, 500);
  EXPECT_LT(CpuTimeOf(gateway.pid()) - before, absl::Milliseconds(100));
  EXPECT_TRUE(stub.Echo(TextOf("x")).ok());
  gateway.Signal(SIGTERM);
  EXPECT_EQ(gateway.Wait().exit_status, 0);
}

TEST_F(GatewayManagement, RefusesASocketWhoseConnectionsGrpcCannotTake) {
  const UniqueFd listener(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_vm address = {.svm_family = AF_VSOCK,
                               .svm_reserved1 = 0,
                               .svm_port = VMADDR_PORT_ANY,
                               .svm_cid = VMADDR_CID_ANY,
                               .svm_flags = 0,
                               .svm_zero = {}};
  if (!listener.ok() ||
      bind(listener.get(), reinterpret_cast<const sockaddr*>(&address),
           sizeof(address)) < 0 ||
      listen(listener.get(), SOMAXCONN) < 0) {
    GTEST_SKIP() << "the kernel has no listening vsock(7)";
  }
  ServeFdrpc();
  Program gateway(
      {FDRPC_GATEWAY, "--listen", "fd:0", "--to", socket(), "--insecure"},
      {.standard_input = listener.get()});
  const Ending ending = gateway.Wait();
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, HasSubstr("fd:0 is not a listening stream"));
}

}  // namespace
}  // namespace fdrpc::testing
