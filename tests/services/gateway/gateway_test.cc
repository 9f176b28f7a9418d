// The program fdrpc-gateway, between peers of both kinds.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/grpc/channel.h"
#include "google/protobuf/descriptor.pb.h"
#include "tests/grpc/certificate.h"
#include "tests/services/gateway/gateway_fixture.h"

namespace fdrpc::testing {
namespace {

using ::grpc::testing::Empty;
using ::testing::HasSubstr;

TEST_F(Gateway, OffersALocalServerOverGrpc) {
  ServeFdrpc();
  std::optional<RemotePeer> remote;
  uid_t user = 0;
  fake_.echo = [&](ServerContext& context, const Text& request, Text& reply) {
    user = context.peer().uid;
    if (context.remote_peer() != nullptr) remote = *context.remote_peer();
    reply = request;
    return absl::OkStatus();
  };
  GatewayProgram gateway(
      {"--listen", "127.0.0.1:0", "--to", socket(), "--insecure"});
  const auto channel = Insecure(gateway.address());

  // Messages, to a client of gRPC's and one of fdrpc's.
  const auto interop =
      ::grpc::testing::over_grpc::TestService::NewStub(channel);
  ::grpc::ClientContext context;
  Empty reply;
  const ::grpc::Status status = interop->EmptyCall(&context, {}, &reply);
  EXPECT_TRUE(status.ok()) << status.error_message();
  const TestService::Stub stub{grpc::Channel(channel)};
  const auto echoed = stub.Echo(TextOf("text", 7));
  ASSERT_TRUE(echoed.ok()) << echoed.status();
  EXPECT_EQ(echoed->text(), "text");
  EXPECT_EQ(echoed->number(), 7);

  // The peer is the remote one, not the gateway.
  EXPECT_EQ(user, static_cast<uid_t>(-1));
  ASSERT_TRUE(remote.has_value());
  EXPECT_THAT(remote->address, HasSubstr("127.0.0.1"));
  EXPECT_EQ(remote->identity, "");
  EXPECT_EQ(remote->forwarder.pid, gateway.program().pid());

  // No descriptor leaves the machine.
  const absl::Status files = stub.Get(Numbered(1)).status();
  EXPECT_EQ(files.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(files.message()), HasSubstr("files[0]"));

  gateway.program().Signal(SIGTERM);
  EXPECT_EQ(gateway.program().Wait().exit_status, 0);
}

TEST_F(Gateway, TellsTheServerWhoseCertificateAClientHas) {
  ServeFdrpc();
  std::optional<RemotePeer> remote;
  fake_.echo = [&](ServerContext& context, const Text&, Text&) {
    if (context.remote_peer() != nullptr) remote = *context.remote_peer();
    return absl::OkStatus();
  };
  const Certificate host = Certificate::For("localhost");
  const Certificate ann = Certificate::For("ann.example.org");
  GatewayProgram gateway({"--listen", "127.0.0.1:0", "--to", socket(),
                          "--tls-key", Write("key", host.key),
                          "--tls-certificate", Write("cert", host.certificate),
                          "--tls-ca", Write("ca", ann.certificate)});
  const auto echo = [&](const Certificate& client) {
    const auto channel = ::grpc::CreateChannel(
        gateway.address(),
        ::grpc::SslCredentials({.pem_root_certs = host.certificate,
                                .pem_private_key = client.key,
                                .pem_cert_chain = client.certificate}));
    return TestService::Stub(grpc::Channel(channel)).Echo(TextOf("x")).status();
  };
  EXPECT_EQ(echo(ann), absl::OkStatus());
  ASSERT_TRUE(remote.has_value());
  EXPECT_EQ(remote->identity, "ann.example.org");
  EXPECT_TRUE(absl::IsUnavailable(echo(Certificate::For("eve.example.org"))));
}

TEST_F(Gateway, OffersAServerOfGrpcOnALocalSocket) {
  const std::string target = ServeGrpc(/*reflection=*/true);
  GatewayProgram gateway({"--listen", socket(), "--to", target, "--insecure"});
  EXPECT_EQ(gateway.address(), socket());
  const auto channel = Channel::Connect(socket());
  ::grpc::testing::TestService::Stub stub(*channel);
  const auto reply = stub.EmptyCall({});
  EXPECT_TRUE(reply.ok()) << reply.status();
  auto stream = stub.FullDuplexCall();
  ::grpc::testing::StreamingOutputCallRequest request;
  request.add_response_parameters()->set_size(1000);
  ASSERT_TRUE(stream.Write(request));
  const auto streamed = stream.Read();
  ASSERT_TRUE(streamed.has_value());
  EXPECT_EQ(streamed->payload().body().size(), 1000u);
  stream.WritesDone();
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
  gateway.program().Signal(SIGTERM);
  EXPECT_EQ(gateway.program().Wait().exit_status, 0);
}

TEST_F(Gateway, TakesServicesFromADescriptorSet) {
  const std::string target = ServeGrpc(/*reflection=*/false);
  google::protobuf::FileDescriptorSet files;
  Empty::descriptor()->file()->CopyTo(files.add_file());
  GatewayProgram gateway({"--listen", socket(), "--to", target, "--insecure",
                          "--descriptor-set",
                          Write("set", files.SerializeAsString())});
  ::grpc::testing::TestService::Stub stub(*Channel::Connect(socket()));
  const auto reply = stub.EmptyCall({}, {.wait_for_ready = true});
  EXPECT_TRUE(reply.ok()) << reply.status();
}

TEST_F(Gateway, CallsEndWhenTheGatewayIsKilled) {
  ServeFdrpc();
  GatewayProgram gateway(
      {"--listen", "127.0.0.1:0", "--to", socket(), "--insecure"});
  const auto stub = ::grpc::testing::over_grpc::TestService::NewStub(
      Insecure(gateway.address()));
  ::grpc::ClientContext context;
  context.AddMetadata(kHang, "1");
  const auto stream = stub->FullDuplexCall(&context);
  stream->WaitForInitialMetadata();
  gateway.program().Signal(SIGKILL);
  EXPECT_EQ(stream->Finish().error_code(), ::grpc::StatusCode::UNAVAILABLE);
  // The server's handler learns of it, too.
  EXPECT_EQ(interop_.cancelled.get_future().get().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(Gateway, CallsEndWhenTheServerEnds) {
  ServeFdrpc();
  GatewayProgram gateway(
      {"--listen", "127.0.0.1:0", "--to", socket(), "--insecure"});
  const auto stub = ::grpc::testing::over_grpc::TestService::NewStub(
      Insecure(gateway.address()));
  ::grpc::ClientContext context;
  context.AddMetadata(kHang, "1");
  const auto stream = stub->FullDuplexCall(&context);
  stream->WaitForInitialMetadata();
  server_.reset();
  EXPECT_EQ(stream->Finish().error_code(), ::grpc::StatusCode::UNAVAILABLE);
}

TEST(GatewayUsage, SaysWhatIsWrong) {
  const auto errors = [](std::vector<std::string> options) {
    options.insert(options.begin(), FDRPC_GATEWAY);
    const Ending ending = testing::Run(options);
    EXPECT_EQ(ending.exit_status, 2);
    return ending.errors;
  };
  EXPECT_THAT(errors({"--to", "unix:/x"}), HasSubstr("--listen ADDRESS"));
  EXPECT_THAT(errors({"--listen", "localhost:0"}), HasSubstr("--to ADDRESS"));
  EXPECT_THAT(errors({"--listen", "unix:/y", "--to", "unix:/x"}),
              HasSubstr("both addresses of fdrpc"));
  EXPECT_THAT(errors({"--listen", "systemd:x", "--to", "unix:/x"}),
              HasSubstr("fd:3 is the first"));
  EXPECT_THAT(errors({"--listen", "fd:3", "--listen", "fd:03", "--to",
                      "unix:/x", "--insecure"}),
              HasSubstr("fd:03 is given twice"));
  EXPECT_THAT(errors({"--listen", "localhost:0", "--to", "unix:/x"}),
              HasSubstr("--tls-key and --tls-certificate, or --insecure"));
  EXPECT_THAT(errors({"--listen", "localhost:0", "--to", "unix:/x", "--tls-key",
                      "/nowhere"}),
              HasSubstr("--tls-key: cannot read /nowhere"));
}

TEST(GatewayUsage, SaysWhyItCannotServe) {
  const Ending ending =
      testing::Run({FDRPC_GATEWAY, "--listen", "127.0.0.1:0", "--to",
                    "unix:/nowhere", "--insecure", "--timeout", "10ms"});
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace fdrpc::testing
