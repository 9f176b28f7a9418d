// The program of docs/guide/grpc.md: one service on a Unix socket and on a TLS
// port.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "fdrpc/channel.h"
#include "fdrpc/grpc/channel.h"
#include "fdrpc/grpc/generic_service.h"
#include "fdrpc/server.h"
#include "guide.fdrpc.h"
#include "tests/grpc/certificate.h"
#include "tests/support/temp_dir.h"

// Outside of fdrpc's namespace, where `grpc` is gRPC's.
namespace {

// clang-format off
#include "grpc_client.inc"
#include "grpc_peer.inc"
#include "grpc_server.inc"
// clang-format on

using fdrpc::testing::Certificate;

class Journal final : public guide::Journal::Service {
 public:
  absl::Status Summarize(fdrpc::ServerContext& context,
                         const guide::SummarizeRequest&,
                         guide::Summary& reply) override {
    if (!MayRead(context)) return absl::PermissionDeniedError("not for you");
    reply.set_entries(context.remote_peer() == nullptr ? 1 : 2);
    return absl::OkStatus();
  }
};

class GuideGrpc : public ::testing::Test {
 protected:
  GuideGrpc() {
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_key_cert_pairs = {{host_.key, host_.certificate}};
    tls.pem_root_certs = reader_.certificate + other_.certificate;
    const absl::StatusOr<int> served =
        ServeBoth(journal_, server_, address(), tls, generic_, over_grpc_);
    EXPECT_TRUE(served.ok()) << served.status();
    if (served.ok()) port_ = *served;
  }
  ~GuideGrpc() override {
    if (over_grpc_ != nullptr) {
      EXPECT_TRUE(generic_->Shutdown(*over_grpc_, absl::ZeroDuration()).ok());
    }
  }

  std::string address() const { return "unix:" + dir_.path() + "/journal"; }
  absl::StatusOr<guide::Summary> SummarizeAs(const Certificate& client) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = host_.certificate;
    tls.pem_private_key = client.key;
    tls.pem_cert_chain = client.certificate;
    return SummarizeFarAway("127.0.0.1:" + std::to_string(port_), tls);
  }

  const fdrpc::testing::TempDir dir_;
  const Certificate host_ = Certificate::For("localhost");
  const Certificate reader_ = Certificate::For("reader.example.org");
  const Certificate other_ = Certificate::For("other.example.org");
  Journal journal_;
  fdrpc::Server server_;
  std::unique_ptr<fdrpc::grpc::GenericService> generic_;
  std::unique_ptr<grpc::Server> over_grpc_;
  int port_ = 0;
};

TEST_F(GuideGrpc, OneServiceOnASocketAndOnATlsPort) {
  const auto channel = fdrpc::Channel::Connect(address());
  ASSERT_TRUE(channel.ok()) << channel.status();
  guide::Journal::Stub stub(*channel);
  const auto here = stub.Summarize({});
  ASSERT_TRUE(here.ok()) << here.status();
  EXPECT_EQ(here->entries(), 1u);
  const auto far_away = SummarizeAs(reader_);
  ASSERT_TRUE(far_away.ok()) << far_away.status();
  EXPECT_EQ(far_away->entries(), 2u);
}

TEST_F(GuideGrpc, RefusesAnotherIdentity) {
  EXPECT_TRUE(absl::IsPermissionDenied(SummarizeAs(other_).status()));
}

}  // namespace
