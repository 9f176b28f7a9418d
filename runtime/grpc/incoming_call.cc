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

void IncomingCall::Step::WaitFor(CallEvent event, IncomingCall& call) {
  if (call.call_->Ready(event)) return (call.*then_)();
  call_ = call.shared_from_this();
  // Last: it may run, and the call end, at once.
  call.call_->Notify(event, *this);
}

void IncomingCall::Step::Run() {
  const std::shared_ptr<IncomingCall> call = std::move(call_);
  ((*call).*then_)();
}

::grpc::ServerGenericBidiReactor* IncomingCall::Start(
    Caller& target, const Method& method,
    ::grpc::GenericCallbackServerContext& context, bool is_verified,
    std::shared_ptr<std::atomic<size_t>> calls) {
  const std::shared_ptr<IncomingCall> call(
      new IncomingCall(target, method, context, is_verified, std::move(calls)));
  call->self_ = call;
  if (method.streams_requests()) {
    call->Call(nullptr);
  } else {
    call->ReadNext();
  }
  return call.get();
}

IncomingCall::IncomingCall(Caller& target, const Method& method,
                           ::grpc::GenericCallbackServerContext& context,
                           bool is_verified,
                           std::shared_ptr<std::atomic<size_t>> calls)
    : target_(target),
      method_(method),
      context_(context),
      is_verified_(is_verified),
      calls_(std::move(calls)) {}

CallOptions IncomingCall::OptionsOfCall() const {
  CallOptions options;
  const auto deadline = context_.deadline();
  if (deadline != std::chrono::system_clock::time_point::max()) {
    options.timeout = deadline - std::chrono::system_clock::now();
  }
  options.metadata = FromGrpc(context_.client_metadata());
  options.metadata.Add(kRemotePeerKey, context_.peer());
  const auto auth = context_.auth_context();
  if (is_verified_ && auth != nullptr) {
    const std::string name = CertificateName(*auth);
    if (!name.empty()) options.metadata.Add(kRemoteIdentityKey, name);
  }
  return options;
}

void IncomingCall::Call(const OutgoingMessage* request) {
  std::shared_ptr<ClientCall> call =
      target_.StartCall(method_, request, OptionsOfCall(), CallForm::kNotified);
  bool cancelled = false;
  {
    MutexLock lock(mu_);
    call_ = std::move(call);
    cancelled = cancelled_;
  }
  if (cancelled) call_->Abort(ClientCancelled());
  if (method_.streams_requests()) ReadNext();
  pass_headers_.WaitFor(CallEvent::kHeaders, *this);
}

// Requests.

void IncomingCall::ReadNext() {
  MutexLock lock(mu_);
  if (!finished_) StartRead(&received_);
}

void IncomingCall::OnReadDone(bool ok) {
  if (!method_.streams_requests()) return TakeSingleRequest(ok);
  if (ok) return send_request_.WaitFor(CallEvent::kRoom, *this);
  // The end of the stream is either.
  if (context_.IsCancelled()) return OnCancel();
  call_->HalfClose();
}

void IncomingCall::TakeSingleRequest(bool ok) {
  if (ok && !has_request_) {
    const absl::Status parsed = Parse(received_, request_);
    if (!parsed.ok()) return EndWith(parsed);
    has_request_ = true;
    return ReadNext();  // for the half-close
  }
  if (context_.IsCancelled()) return EndWith(ClientCancelled());
  if (ok || !has_request_) {
    return EndWith(absl::InternalError(
        ok ? "a method that takes one request has got another one"
           : "the client half-closed without a request"));
  }
  const OutgoingMessage request(request_);
  Call(&request);
}

void IncomingCall::SendRequest() {
  wire::Opaque request;
  const absl::Status parsed = Parse(received_, request);
  if (!parsed.ok()) return call_->Abort(parsed);
  if (call_->Send(request, /*last=*/false)) ReadNext();
}

// Replies.

void IncomingCall::PassHeaders() {
  for (const auto& [key, value] : call_->headers()) {
    if (!BelongsToHop(key)) context_.AddInitialMetadata(key, value);
  }
  // Otherwise they go with what is there to be written.
  if (!call_->Ready(CallEvent::kMessage)) StartSendInitialMetadata();
  pass_reply_.WaitFor(CallEvent::kMessage, *this);
}

void IncomingCall::PassReply() {
  wire::Opaque reply;
  if (!call_->Take(reply)) return pass_end_.WaitFor(CallEvent::kEnd, *this);
  const absl::Status serialised = Serialise(reply, sent_);
  if (!serialised.ok()) call_->Abort(serialised);
  if (!serialised.ok() || !method_.streams_replies()) {
    has_reply_ = serialised.ok();
    return pass_end_.WaitFor(CallEvent::kEnd, *this);
  }
  StartWrite(&sent_);
}

void IncomingCall::OnWriteDone(bool ok) {
  if (ok) return pass_reply_.WaitFor(CallEvent::kMessage, *this);
  call_->Abort(ClientCancelled());
  pass_end_.WaitFor(CallEvent::kEnd, *this);
}

// Ends.

void IncomingCall::PassEnd() {
  absl::Status status = call_->status();
  for (const auto& [key, value] : call_->trailers()) {
    if (!BelongsToHop(key)) context_.AddTrailingMetadata(key, value);
  }
  if (status.ok() && !method_.streams_replies() && !has_reply_) {
    status = absl::InternalError("the call ended without a reply");
  }
  if (!status.ok() || method_.streams_replies()) return EndWith(status);
  MutexLock lock(mu_);
  finished_ = true;
  StartWriteAndFinish(&sent_, ::grpc::WriteOptions(), ::grpc::Status::OK);
}

void IncomingCall::EndWith(const absl::Status& status) {
  MutexLock lock(mu_);
  finished_ = true;
  Finish(ToGrpc(status));
}

void IncomingCall::OnCancel() {
  std::shared_ptr<ClientCall> call;
  {
    MutexLock lock(mu_);
    cancelled_ = true;
    call = call_;
  }
  if (call != nullptr) call->Abort(ClientCancelled());
}

void IncomingCall::OnDone() {
  calls_->fetch_sub(1);
  // Steps may still keep it.
  const std::shared_ptr<IncomingCall> self = std::move(self_);
}

}  // namespace fdrpc::grpc
