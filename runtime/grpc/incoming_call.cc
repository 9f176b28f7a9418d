#include "grpc/incoming_call.h"

#include <grpc/grpc_security_constants.h>

#include <chrono>
#include <string>
#include <utility>

#include "fdrpc/remote_peer.h"
#include "grpc/message_bytes.h"
#include "grpc/metadata.h"
#include "grpc/status_conversion.h"

namespace fdrpc::grpc {
namespace {

absl::Status ClientCancelled() {
  return absl::CancelledError("the client cancelled the call");
}

absl::Status ServerEnds() {
  return absl::UnavailableError(
      "the server ends, and the call exceeded its drain timeout: make it again "
      "when the server is back");
}

// The name of the client's certificate, or an empty one.
std::string CertificateName(const ::grpc::AuthContext& auth) {
  const std::vector<::grpc::string_ref> types =
      auth.FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  // Others, such as local credentials, have made-up names.
  if (types.size() != 1 || types[0] != GRPC_SSL_TRANSPORT_SECURITY_TYPE) {
    return "";
  }
  // Whether it was verified, gRPC does not say.
  const std::vector<::grpc::string_ref> names = auth.GetPeerIdentity();
  return names.empty() ? "" : std::string(names[0].data(), names[0].size());
}

}  // namespace

::grpc::ServerGenericBidiReactor* IncomingCall::Start(
    Terms terms, std::shared_ptr<const Method> method,
    ::grpc::GenericCallbackServerContext& context) {
  const std::shared_ptr<IncomingCall> call(
      new IncomingCall(std::move(terms), std::move(method), context));
  call->self_ = call;
  call->end_with_server_.emplace(call->terms_.server_ends,
                                 EndWithServer{*call});
  call->cut_.emplace(call->terms_.server_waits_no_longer, Cut{*call});
  if (call->method_->streams_requests()) {
    call->BeginOnce(nullptr);
  } else {
    call->TakeRequest();
  }
  return call.get();
}

IncomingCall::IncomingCall(Terms terms, std::shared_ptr<const Method> method,
                           ::grpc::GenericCallbackServerContext& context)
    : PassedCall(*method),
      terms_(std::move(terms)),
      method_(std::move(method)),
      context_(context) {}

void IncomingCall::BeginOnce(const OutgoingMessage* request) {
  {
    MutexLock lock(mu_);
    if (finished_) return;
    begun_ = true;
  }
  Begin(*terms_.target, request, OptionsOfCall());
}

CallOptions IncomingCall::OptionsOfCall() const {
  CallOptions options;
  const auto deadline = context_.deadline();
  if (deadline != std::chrono::system_clock::time_point::max()) {
    options.timeout = deadline - std::chrono::system_clock::now();
  }
  options.cancellation = cancelled_.get_token();
  options.metadata = FromGrpc(context_.client_metadata());
  options.metadata.Add(kRemotePeerKey, context_.peer());
  const auto auth = context_.auth_context();
  if (terms_.is_verified && auth != nullptr) {
    const std::string name = CertificateName(*auth);
    if (!name.empty()) options.metadata.Add(kRemoteIdentityKey, name);
  }
  return options;
}

// Requests.

void IncomingCall::TakeRequest() {
  MutexLock lock(mu_);
  if (!finished_) StartRead(&received_);
}

void IncomingCall::OnReadDone(bool ok) {
  if (!method_->streams_requests()) return TakeSingleRequest(ok);
  if (ok) return PassRequest();
  // The end of the stream is either.
  if (context_.IsCancelled()) return OnCancel();
  HalfClose();
}

void IncomingCall::TakeSingleRequest(bool ok) {
  if (ok && !has_request_) {
    const absl::Status parsed = ParseRequest();
    if (!parsed.ok()) return EndWith(parsed);
    has_request_ = true;
    return TakeRequest();  // for the half-close
  }
  if (context_.IsCancelled()) return EndWith(ClientCancelled());
  if (ok || !has_request_) {
    return EndWith(absl::InternalError(
        ok ? "a method that takes one request has got another one"
           : "the client half-closed without a request"));
  }
  const OutgoingMessage request(request_);
  BeginOnce(&request);
  wire::Opaque().Swap(&request_);  // it has been passed on
}

absl::StatusOr<OutgoingMessage> IncomingCall::Request() {
  absl::Status parsed = ParseRequest();
  if (!parsed.ok()) return parsed;
  return OutgoingMessage(request_);
}

absl::Status IncomingCall::ParseRequest() {
  absl::Status parsed = Parse(received_, request_);
  received_.Clear();
  return parsed;
}

// Replies.

void IncomingCall::SendHeaders(const Metadata& headers, bool at_once) {
  for (const auto& [key, value] : headers) {
    context_.AddInitialMetadata(key, value);
  }
  if (at_once) StartSendInitialMetadata();
}

void IncomingCall::SendReply(const wire::Opaque& reply) {
  const absl::Status serialised = Serialise(reply, sent_);
  if (!serialised.ok()) return StopReplies(serialised);
  StartWrite(&sent_);
}

void IncomingCall::OnWriteDone(bool ok) {
  if (ok) return PassNextReply();
  StopReplies(ClientCancelled());
}

// Ends.

void IncomingCall::End(absl::Status status, const Metadata& trailers,
                       const wire::Opaque* reply) {
  if (absl::IsCancelled(status) && terms_.server_ends.stop_requested()) {
    status = ServerEnds();
  }
  if (reply != nullptr) status = Serialise(*reply, sent_);
  MutexLock lock(mu_);
  if (std::exchange(finished_, true)) return;
  for (const auto& [key, value] : trailers) {
    context_.AddTrailingMetadata(key, value);
  }
  if (!status.ok() || reply == nullptr) return Finish(ToGrpc(status));
  StartWriteAndFinish(&sent_, ::grpc::WriteOptions(), ::grpc::Status::OK);
}

void IncomingCall::EndWith(const absl::Status& status) {
  MutexLock lock(mu_);
  if (!std::exchange(finished_, true)) Finish(ToGrpc(status));
}

void IncomingCall::OnServerEnds() {
  {
    MutexLock lock(mu_);
    if (!begun_) {
      if (!std::exchange(finished_, true)) Finish(ToGrpc(ServerEnds()));
      return;
    }
  }
  OnCancel();
}

void IncomingCall::OnDone() {
  // They may be ending the call now.
  end_with_server_.reset();
  cut_.reset();
  terms_.calls->fetch_sub(1);
  // Steps may still keep it.
  const std::shared_ptr<IncomingCall> self = std::move(self_);
}

}  // namespace fdrpc::grpc
