// What servers see of peers for which others forward calls, and descriptors
// that would have to leave the machine.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "fdrpc/channel.h"
#include "fdrpc/grpc/channel.h"
#include "fdrpc/grpc/generic_service.h"
#include "fdrpc/in_process_server.h"
#include "fdrpc/server.h"
#include "tests/grpc/served_over_grpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

// A server of this process, over gRPC.
class RemotePeers : public ::testing::Test {
 protected:
  RemotePeers() {
    server_.AddService(service_);
    over_grpc_.emplace(server_);
    EXPECT_TRUE(server_.Start().ok());
    stub_.emplace(grpc::Channel(over_grpc_->channel()));
  }

  static UniqueFd OpenNull() {
    return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }

  FakeService service_;
  Server server_;
  std::optional<ServedOverGrpc> over_grpc_;
  std::optional<TestService::Stub> stub_;
};

TEST_F(RemotePeers, AreNobodyHere) {
  PeerCredentials peer = {.uid = 0, .gid = 0, .pid = 1};
  std::optional<RemotePeer> remote;
  absl::Status pidfd;
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    peer = context.peer();
    if (context.remote_peer() != nullptr) remote = *context.remote_peer();
    pidfd = context.OpenPeerPidfd().status();
    return absl::OkStatus();
  };
  ASSERT_TRUE(stub_->Echo(TextOf("x")).ok());
  EXPECT_EQ(peer.uid, static_cast<uid_t>(-1));
  EXPECT_EQ(peer.gid, static_cast<gid_t>(-1));
  EXPECT_EQ(peer.pid, 0);
  ASSERT_TRUE(remote.has_value());
  EXPECT_THAT(remote->address, HasSubstr("127.0.0.1"));
  EXPECT_EQ(remote->identity, "");
  EXPECT_EQ(remote->forwarder.pid, getpid());
  EXPECT_EQ(pidfd.code(), absl::StatusCode::kFailedPrecondition);
}

// A client cannot say by itself who it is.
TEST_F(RemotePeers, CannotSpeakForOthers) {
  std::optional<RemotePeer> remote;
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    EXPECT_EQ(context.metadata().GetAll(kRemotePeerKey).size(), 1u);
    if (context.remote_peer() != nullptr) remote = *context.remote_peer();
    return absl::OkStatus();
  };
  ASSERT_TRUE(
      stub_
          ->Echo(TextOf("x"),
                 {.metadata = {{std::string(kRemotePeerKey), "ipv4:192.0.2.7"},
                               {std::string(kRemoteIdentityKey), "admin"}}})
          .ok());
  ASSERT_TRUE(remote.has_value());
  EXPECT_THAT(remote->address, HasSubstr("127.0.0.1"));
  EXPECT_EQ(remote->identity, "");
}

// A process of this machine that forwards calls loses its own rights with them.
TEST(ForwardedPeers, AreTheForwardersWord) {
  std::optional<RemotePeer> remote;
  PeerCredentials peer;
  FakeService service;
  service.echo = [&](ServerContext& context, const Text&, Text&) {
    peer = context.peer();
    if (context.remote_peer() != nullptr) remote = *context.remote_peer();
    return absl::OkStatus();
  };
  InProcessServer server(service);
  TestService::Stub stub(server.channel());
  ASSERT_TRUE(stub.Echo(TextOf("x")).ok());
  EXPECT_EQ(peer.uid, geteuid());
  EXPECT_FALSE(remote.has_value());
  ASSERT_TRUE(
      stub.Echo(TextOf("x"),
                {.metadata = {{std::string(kRemotePeerKey), "ipv4:192.0.2.7"},
                              {std::string(kRemoteIdentityKey), "ann"}}})
          .ok());
  EXPECT_EQ(peer.uid, static_cast<uid_t>(-1));
  ASSERT_TRUE(remote.has_value());
  EXPECT_EQ(remote->address, "ipv4:192.0.2.7");
  EXPECT_EQ(remote->identity, "ann");
  EXPECT_EQ(remote->forwarder.uid, geteuid());
}

TEST_F(RemotePeers, GetNoDescriptorInAReply) {
  const absl::StatusOr<Parcel<Files>> reply = stub_->Get(Numbered(1));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(reply.status().message()), HasSubstr("files[0]"));
}

TEST_F(RemotePeers, GetNoDescriptorInAStream) {
  auto replies = stub_->GetAll(Numbered(1));
  EXPECT_FALSE(replies.Read().has_value());
  const absl::Status status = replies.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("files[0]"));
}

TEST_F(RemotePeers, RefusedDescriptorsAreClosed) {
  EXPECT_FALSE(stub_->Get(Numbered(1)).ok());  // opens what stays open
  const ExpectSameDescriptors same;
  EXPECT_FALSE(stub_->Get(Numbered(3)).ok());
}

TEST_F(RemotePeers, EmptyFieldsPass) {
  Parcel<Files> request;
  request->set_text("nothing");
  const absl::StatusOr<Parcel<Files>> reply =
      stub_->Exchange(std::move(request));
  EXPECT_TRUE(reply.ok()) << reply.status();
}

TEST_F(RemotePeers, AreSentNoDescriptorInARequest) {
  Parcel<Files> request;
  request.set_first(OpenNull());
  const absl::StatusOr<Text> reply = stub_->Put(std::move(request));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(reply.status().message()), HasSubstr("first"));
}

TEST_F(RemotePeers, LearnThatTheServerDrains) {
  service_.chat = [](ServerContext& context, ServerStream<Text, Text>& stream) {
    const std::stop_callback drain(context.draining(),
                                   [&context] { context.StopReading(); });
    while (const std::optional<Text> request = stream.Read()) {
      stream.Write(*request);
    }
    return absl::OkStatus();
  };
  auto stream = stub_->Chat();
  ASSERT_TRUE(stream.Write(TextOf("x")));
  ASSERT_TRUE(stream.Read().has_value());
  server_.Shutdown(absl::InfiniteDuration());
  EXPECT_FALSE(stream.Read().has_value());
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
}

// A client of gRPC's that fills the field in as if it could.
TEST_F(RemotePeers, CannotNameADescriptor) {
  ::grpc::TemplatedGenericStub<Files, Text> stub(over_grpc_->channel());
  Files request;
  request.mutable_first()->set_slot(1);
  Text reply;
  ::grpc::ClientContext context;
  std::promise<::grpc::Status> done;
  stub.UnaryCall(&context, "/fdrpc.testing.TestService/Put", {}, &request,
                 &reply,
                 [&](::grpc::Status status) { done.set_value(status); });
  const ::grpc::Status status = done.get_future().get();
  EXPECT_EQ(status.error_code(), ::grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("first"));
}

}  // namespace
}  // namespace fdrpc::testing
