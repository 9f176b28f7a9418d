// The names of clients' certificates, which count if they are verified.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "fdrpc/grpc/channel.h"
#include "fdrpc/grpc/generic_service.h"
#include "fdrpc/server.h"
#include "tests/grpc/certificate.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// A server that lets only the administrator call it.
class Identities : public ::testing::Test {
 protected:
  Identities() {
    service_.echo = [this](ServerContext& context, const Text&, Text&) {
      const RemotePeer* const peer = context.remote_peer();
      shown_ = peer == nullptr ? "local" : peer->identity;
      return shown_ == kAdmin ? absl::OkStatus()
                              : absl::PermissionDeniedError("not for you");
    };
    server_.AddService(service_);
  }
  ~Identities() override {
    EXPECT_TRUE(generic_->Shutdown(*over_grpc_, absl::ZeroDuration()).ok());
  }

  void Serve(grpc_ssl_client_certificate_request_type asks,
             bool certificates_are_verified) {
    generic_ = *grpc::GenericService::Create(
        server_,
        {.client_certificates_are_verified = certificates_are_verified});
    ASSERT_TRUE(server_.Start().ok());
    ::grpc::SslServerCredentialsOptions tls(asks);
    tls.pem_key_cert_pairs = {{host_.key, host_.certificate}};
    tls.pem_root_certs = admin_.certificate;
    ::grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", ::grpc::SslServerCredentials(tls),
                             &port_);
    builder.RegisterCallbackGenericService(generic_.get());
    over_grpc_ = builder.BuildAndStart();
  }
  absl::Status EchoAs(const Certificate& client) {
    const auto channel = ::grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(port_),
        ::grpc::SslCredentials({.pem_root_certs = host_.certificate,
                                .pem_private_key = client.key,
                                .pem_cert_chain = client.certificate}));
    return TestService::Stub(grpc::Channel(channel)).Echo(TextOf("x")).status();
  }

  static constexpr char kAdmin[] = "admin.example.org";
  const Certificate host_ = Certificate::For("localhost");
  const Certificate admin_ = Certificate::For(kAdmin);
  // Anybody can make it.
  const Certificate false_admin_ = Certificate::For(kAdmin);
  std::optional<std::string> shown_;
  FakeService service_;
  Server server_;
  std::unique_ptr<grpc::GenericService> generic_;
  std::unique_ptr<::grpc::Server> over_grpc_;
  int port_ = 0;
};

TEST_F(Identities, AreShownIfTheyAreVerified) {
  Serve(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY,
        /*certificates_are_verified=*/true);
  EXPECT_EQ(EchoAs(admin_), absl::OkStatus());
  EXPECT_TRUE(absl::IsUnavailable(EchoAs(false_admin_)));
}

TEST_F(Identities, AreNotShownIfTheyAreNotVerified) {
  Serve(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY,
        /*certificates_are_verified=*/false);
  EXPECT_TRUE(absl::IsPermissionDenied(EchoAs(false_admin_)));
  EXPECT_EQ(shown_, "");
  EXPECT_TRUE(absl::IsPermissionDenied(EchoAs(admin_)));
  EXPECT_EQ(shown_, "");
}

TEST_F(Identities, AreNotShownIfNobodyAsks) {
  Serve(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
        /*certificates_are_verified=*/true);
  EXPECT_TRUE(absl::IsPermissionDenied(EchoAs(false_admin_)));
  EXPECT_EQ(shown_, "");
}

}  // namespace
}  // namespace fdrpc::testing
