#include "grpc/forwarded_call.h"

#include <utility>

#include "fdrpc/remote_peer.h"
#include "grpc/metadata.h"

namespace fdrpc::grpc {
namespace {

// Of the request. What the client says about remote peers counts only as this
// server has judged it.
Metadata ForwardedMetadata(const ServerContext& context) {
  Metadata kept;
  for (const auto& [key, value] : context.metadata()) {
    if (!BelongsToHop(key) && key != kRemotePeerKey &&
        key != kRemoteIdentityKey) {
      kept.Add(key, value);
    }
  }
  const RemotePeer* const peer = context.remote_peer();
  if (peer == nullptr) return kept;
  kept.Add(kRemotePeerKey, peer->address);
  if (!peer->identity.empty()) kept.Add(kRemoteIdentityKey, peer->identity);
  return kept;
}

}  // namespace

ForwardedCall::ForwardedCall(std::shared_ptr<ServerCall> from,
                             const Method& method, NewRequest new_request)
    : PassedCall(method),
      from_(std::move(from)),
      new_request_(std::move(new_request)) {}

void ForwardedCall::Start(std::shared_ptr<ServerCall> from, Caller& target,
                          const Method& method, NewRequest new_request) {
  const std::shared_ptr<ForwardedCall> call(
      new ForwardedCall(std::move(from), method, std::move(new_request)));
  CallOptions options;
  options.parent = &call->from_->context();
  options.metadata = ForwardedMetadata(call->from_->context());
  if (method.streams_requests()) return call->Begin(target, nullptr, options);
  absl::Status taken = call->from_->TakeRequest(call->NextRequest());
  if (!taken.ok()) return call->Finish(std::move(taken), nullptr);
  const absl::StatusOr<OutgoingMessage> request = call->Request();
  call->Begin(target, &*request, options);
}

// Requests.

IncomingMessage ForwardedCall::NextRequest() {
  parcel_ = new_request_();
  return parcel_ == nullptr ? IncomingMessage(plain_)
                            : IncomingMessage(*parcel_);
}

void ForwardedCall::TakeRequest() {
  take_arrived_.WaitFor(*from_, CallEvent::kMessage, *this);
}

void ForwardedCall::TakeArrived() {
  if (from_->Take(NextRequest())) return PassRequest();
  // The end of the stream is either. The parent call's cancellation is passed
  // on by itself.
  if (!from_->context().IsCancelled()) HalfClose();
}

absl::StatusOr<OutgoingMessage> ForwardedCall::Request() {
  return parcel_ == nullptr ? OutgoingMessage(plain_)
                            : OutgoingMessage(*parcel_);
}

// Replies.

void ForwardedCall::SendHeaders(const Metadata& headers, bool at_once) {
  from_->context().headers() = headers;
  if (at_once) from_->context().SendHeaders();
}

void ForwardedCall::SendReply(const wire::Opaque& reply) {
  reply_ = &reply;
  send_taken_.WaitFor(*from_, CallEvent::kRoom, *this);
}

void ForwardedCall::SendTaken() {
  if (from_->Send(*reply_, /*last=*/false)) return PassNextReply();
  StopReplies(absl::CancelledError("the client's call has ended"));
}

void ForwardedCall::End(absl::Status status, const Metadata& trailers,
                        const wire::Opaque* reply) {
  from_->context().trailers() = trailers;
  if (reply == nullptr) return Finish(std::move(status), nullptr);
  const OutgoingMessage message(*reply);
  Finish(std::move(status), &message);
}

void ForwardedCall::Finish(absl::Status status, const OutgoingMessage* reply) {
  // The server may end now, and with it the factory of the message.
  parcel_.reset();
  from_->Finish(std::move(status), reply);
}

}  // namespace fdrpc::grpc
