#ifndef FDRPC_TESTS_SERVICES_GATEWAY_GATEWAY_FIXTURE_H_
#define FDRPC_TESTS_SERVICES_GATEWAY_GATEWAY_FIXTURE_H_

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fdrpc/grpc/channel.h"
#include "fdrpc/reflection.h"
#include "fdrpc/server.h"
#include "tests/grpc/interop_services.h"
#include "tests/services/program/program.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// The program fdrpc-gateway.
class GatewayProgram {
 public:
  // `standard_error`: as in ProgramOptions.
  explicit GatewayProgram(std::vector<std::string> options,
                          int standard_error = -1) {
    options.insert(options.begin(), FDRPC_GATEWAY);
    auto [output, input] = Pipe();
    program_ = std::make_unique<Program>(
        options, ProgramOptions{.standard_output = input.get(),
                                .standard_error = standard_error});
    input.Reset();
    line_ = Program::ReadLine(output.get());
    if (address().empty()) ADD_FAILURE() << program_->Wait().errors;
  }

  Program& program() { return *program_; }
  // Empty if it could not serve.
  std::string address() const {
    constexpr std::string_view kListening = "listening on ";
    return line_.starts_with(kListening) ? line_.substr(kListening.size()) : "";
  }

 private:
  std::unique_ptr<Program> program_;
  std::string line_;
};

// Servers of both kinds, for a gateway to pass calls to.
class Gateway : public ::testing::Test {
 protected:
  // A server of fdrpc with both test services.
  void ServeFdrpc() {
    server_.emplace();
    server_->AddService(fake_);
    server_->AddService(interop_);
    EnableReflection(*server_);
    ASSERT_TRUE(server_->Listen(socket()).ok());
    ASSERT_TRUE(server_->Start().ok());
  }
  // One of gRPC; returns its address.
  std::string ServeGrpc(bool reflection) {
    if (reflection)
      ::grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    ::grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", ::grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&grpc_interop_);
    grpc_server_ = builder.BuildAndStart();
    return "127.0.0.1:" + std::to_string(port);
  }
  ~Gateway() override {
    // tests/grpc/served_over_grpc.h says why it has no deadline.
    if (grpc_server_ != nullptr) grpc_server_->Shutdown();
  }

  std::string socket() const { return "unix:" + dir_.path() + "/fdrpc"; }
  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = dir_.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::shared_ptr<::grpc::Channel> Insecure(const std::string& address) {
    return ::grpc::CreateChannel(address, ::grpc::InsecureChannelCredentials());
  }

  static TestService::Stub Over(const std::shared_ptr<::grpc::Channel>& to) {
    return TestService::Stub(grpc::Channel(to));
  }

  const TempDir dir_;
  FakeService fake_;
  InteropService interop_;
  std::optional<Server> server_;
  GrpcInteropService grpc_interop_;
  std::unique_ptr<::grpc::Server> grpc_server_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_GATEWAY_GATEWAY_FIXTURE_H_
