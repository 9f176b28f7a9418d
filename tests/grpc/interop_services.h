#ifndef FDRPC_TESTS_GRPC_INTEROP_SERVICES_H_
#define FDRPC_TESTS_GRPC_INTEROP_SERVICES_H_

#include <future>

#include "interop.fdrpc.h"
#include "interop.grpc.pb.h"

namespace fdrpc::testing {

// The metadata that gRPC's test service returns.
inline constexpr char kEchoInitial[] = "x-grpc-test-echo-initial";
inline constexpr char kEchoTrailing[] = "x-grpc-test-echo-trailing-bin";
// Makes a call last until it is cancelled, which `cancelled` tells.
inline constexpr char kHang[] = "x-test-hang";

// gRPC's test service, served by fdrpc.
class InteropService final : public ::grpc::testing::TestService::Service {
 public:
  std::promise<absl::Status> cancelled;

  absl::Status EmptyCall(ServerContext&, const ::grpc::testing::Empty&,
                         ::grpc::testing::Empty&) override;
  absl::Status UnaryCall(ServerContext&, const ::grpc::testing::SimpleRequest&,
                         ::grpc::testing::SimpleResponse&) override;
  absl::Status StreamingOutputCall(
      ServerContext&, const ::grpc::testing::StreamingOutputCallRequest&,
      ServerWriter<::grpc::testing::StreamingOutputCallResponse>&) override;
  absl::Status StreamingInputCall(
      ServerContext&, ServerReader<::grpc::testing::StreamingInputCallRequest>&,
      ::grpc::testing::StreamingInputCallResponse&) override;
  absl::Status FullDuplexCall(
      ServerContext&,
      ServerStream<::grpc::testing::StreamingOutputCallRequest,
                   ::grpc::testing::StreamingOutputCallResponse>&) override;

 private:
  absl::Status Hang(ServerContext& context);
};

// The same, served by gRPC.
class GrpcInteropService final
    : public ::grpc::testing::over_grpc::TestService::Service {
 public:
  std::promise<void> cancelled;

  ::grpc::Status EmptyCall(::grpc::ServerContext*,
                           const ::grpc::testing::Empty*,
                           ::grpc::testing::Empty*) override;
  ::grpc::Status UnaryCall(::grpc::ServerContext*,
                           const ::grpc::testing::SimpleRequest*,
                           ::grpc::testing::SimpleResponse*) override;
  ::grpc::Status StreamingOutputCall(
      ::grpc::ServerContext*,
      const ::grpc::testing::StreamingOutputCallRequest*,
      ::grpc::ServerWriter<::grpc::testing::StreamingOutputCallResponse>*)
      override;
  ::grpc::Status StreamingInputCall(
      ::grpc::ServerContext*,
      ::grpc::ServerReader<::grpc::testing::StreamingInputCallRequest>*,
      ::grpc::testing::StreamingInputCallResponse*) override;
  ::grpc::Status FullDuplexCall(
      ::grpc::ServerContext*,
      ::grpc::ServerReaderWriter<::grpc::testing::StreamingOutputCallResponse,
                                 ::grpc::testing::StreamingOutputCallRequest>*)
      override;

 private:
  ::grpc::Status Hang(::grpc::ServerContext& context);
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_GRPC_INTEROP_SERVICES_H_
