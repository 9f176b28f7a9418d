#include "tests/grpc/interop_services.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/cord.h"

namespace fdrpc::testing {
namespace {

using ::grpc::testing::Empty;
using ::grpc::testing::SimpleRequest;
using ::grpc::testing::SimpleResponse;
using ::grpc::testing::StreamingInputCallRequest;
using ::grpc::testing::StreamingInputCallResponse;
using ::grpc::testing::StreamingOutputCallRequest;
using ::grpc::testing::StreamingOutputCallResponse;

constexpr char kDetail[] = "example.org/detail";

void EchoMetadata(ServerContext& context) {
  if (const auto value = context.metadata().Get(kEchoInitial)) {
    context.headers().Add(kEchoInitial, *value);
  }
  if (const auto value = context.metadata().Get(kEchoTrailing)) {
    context.trailers().Add(kEchoTrailing, *value);
  }
}

void EchoMetadata(::grpc::ServerContext& context) {
  for (const auto& [key, value] : context.client_metadata()) {
    const std::string copy(value.data(), value.size());
    if (key == kEchoInitial) context.AddInitialMetadata(kEchoInitial, copy);
    if (key == kEchoTrailing) context.AddTrailingMetadata(kEchoTrailing, copy);
  }
}

// The status that the request asks for, with a detail.
template <typename Request>
absl::Status StatusFor(const Request& request) {
  if (!request.has_response_status()) return absl::OkStatus();
  absl::Status status(
      static_cast<absl::StatusCode>(request.response_status().code()),
      request.response_status().message());
  status.SetPayload(kDetail, absl::Cord("\x01\xff"));
  return status;
}

template <typename Request>
::grpc::Status GrpcStatusFor(const Request& request) {
  if (!request.has_response_status()) return ::grpc::Status::OK;
  const auto& wanted = request.response_status();
  // A google.rpc.Status with one detail, of that type and those two bytes.
  std::string details = std::string("\x1a\x18\x0a\x12", 4) + kDetail +
                        std::string("\x12\x02\x01\xff", 4);
  return {static_cast<::grpc::StatusCode>(wanted.code()), wanted.message(),
          details};
}

StreamingOutputCallResponse OfSize(int size) {
  StreamingOutputCallResponse response;
  response.mutable_payload()->set_body(std::string(size, 'x'));
  return response;
}

}  // namespace

absl::Status InteropService::Hang(ServerContext& context) {
  std::mutex mu;
  std::condition_variable changed;
  bool stopped = false;
  {
    const std::stop_callback stop(context.cancellation(), [&] {
      const std::lock_guard lock(mu);
      stopped = true;
      changed.notify_all();
    });
    std::unique_lock lock(mu);
    changed.wait(lock, [&] { return stopped; });
  }
  cancelled.set_value(context.cancellation_reason());
  return absl::CancelledError();
}

absl::Status InteropService::EmptyCall(ServerContext& context, const Empty&,
                                       Empty&) {
  EchoMetadata(context);
  return absl::OkStatus();
}

absl::Status InteropService::UnaryCall(ServerContext& context,
                                       const SimpleRequest& request,
                                       SimpleResponse& reply) {
  EchoMetadata(context);
  if (context.metadata().Get(kHang).has_value()) return Hang(context);
  reply.mutable_payload()->set_body(std::string(request.response_size(), 'x'));
  return StatusFor(request);
}

absl::Status InteropService::StreamingOutputCall(
    ServerContext& context, const StreamingOutputCallRequest& request,
    ServerWriter<StreamingOutputCallResponse>& replies) {
  EchoMetadata(context);
  for (const auto& wanted : request.response_parameters()) {
    if (!replies.Write(OfSize(wanted.size()))) return absl::CancelledError();
  }
  return StatusFor(request);
}

absl::Status InteropService::StreamingInputCall(
    ServerContext& context, ServerReader<StreamingInputCallRequest>& requests,
    StreamingInputCallResponse& reply) {
  EchoMetadata(context);
  if (context.metadata().Get(kHang).has_value()) return Hang(context);
  int size = 0;
  while (const std::optional<StreamingInputCallRequest> request =
             requests.Read()) {
    size += static_cast<int>(request->payload().body().size());
  }
  reply.set_aggregated_payload_size(size);
  return absl::OkStatus();
}

absl::Status InteropService::FullDuplexCall(
    ServerContext& context,
    ServerStream<StreamingOutputCallRequest, StreamingOutputCallResponse>&
        stream) {
  EchoMetadata(context);
  if (context.metadata().Get(kHang).has_value()) {
    context.SendHeaders();
    return Hang(context);
  }
  while (const std::optional<StreamingOutputCallRequest> request =
             stream.Read()) {
    for (const auto& wanted : request->response_parameters()) {
      if (!stream.Write(OfSize(wanted.size()))) return absl::CancelledError();
    }
    if (const absl::Status status = StatusFor(*request); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

::grpc::Status GrpcInteropService::Hang(::grpc::ServerContext& context) {
  // gRPC's blocking servers have no other way to learn of it.
  while (!context.IsCancelled()) std::this_thread::yield();
  cancelled.set_value();
  return ::grpc::Status::CANCELLED;
}

::grpc::Status GrpcInteropService::EmptyCall(::grpc::ServerContext* context,
                                             const Empty*, Empty*) {
  EchoMetadata(*context);
  return ::grpc::Status::OK;
}

::grpc::Status GrpcInteropService::UnaryCall(::grpc::ServerContext* context,
                                             const SimpleRequest* request,
                                             SimpleResponse* reply) {
  EchoMetadata(*context);
  if (context->client_metadata().contains(kHang)) return Hang(*context);
  reply->mutable_payload()->set_body(
      std::string(request->response_size(), 'x'));
  return GrpcStatusFor(*request);
}

::grpc::Status GrpcInteropService::StreamingOutputCall(
    ::grpc::ServerContext* context, const StreamingOutputCallRequest* request,
    ::grpc::ServerWriter<StreamingOutputCallResponse>* replies) {
  EchoMetadata(*context);
  for (const auto& wanted : request->response_parameters()) {
    if (!replies->Write(OfSize(wanted.size())))
      return ::grpc::Status::CANCELLED;
  }
  return GrpcStatusFor(*request);
}

::grpc::Status GrpcInteropService::StreamingInputCall(
    ::grpc::ServerContext* context,
    ::grpc::ServerReader<StreamingInputCallRequest>* requests,
    StreamingInputCallResponse* reply) {
  EchoMetadata(*context);
  if (context->client_metadata().contains(kHang)) return Hang(*context);
  StreamingInputCallRequest request;
  int size = 0;
  while (requests->Read(&request)) {
    size += static_cast<int>(request.payload().body().size());
  }
  reply->set_aggregated_payload_size(size);
  return ::grpc::Status::OK;
}

::grpc::Status GrpcInteropService::FullDuplexCall(
    ::grpc::ServerContext* context,
    ::grpc::ServerReaderWriter<StreamingOutputCallResponse,
                               StreamingOutputCallRequest>* stream) {
  EchoMetadata(*context);
  if (context->client_metadata().contains(kHang)) {
    stream->SendInitialMetadata();
    return Hang(*context);
  }
  StreamingOutputCallRequest request;
  while (stream->Read(&request)) {
    for (const auto& wanted : request.response_parameters()) {
      if (!stream->Write(OfSize(wanted.size()))) {
        return ::grpc::Status::CANCELLED;
      }
    }
    if (request.has_response_status()) return GrpcStatusFor(request);
  }
  return ::grpc::Status::OK;
}

}  // namespace fdrpc::testing
