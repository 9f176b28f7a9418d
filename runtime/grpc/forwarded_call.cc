#include "grpc/forwarded_call.h"

#include <utility>

#include "fdrpc/remote_peer.h"
#include "grpc/metadata.h"

namespace fdrpc::grpc {
namespace {

Metadata WithoutHop(const Metadata& metadata) {
  Metadata kept;
  for (const auto& [key, value] : metadata) {
    if (!BelongsToHop(key)) kept.Add(key, value);
  }
  return kept;
}

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

void ForwardedCall::Step::WaitFor(Call& call, CallEvent event,
                                  ForwardedCall& forwarded) {
  kept_ = forwarded.shared_from_this();
  // Last: it may run, and the calls end, at once.
  call.Notify(event, *this);
}

void ForwardedCall::Step::Run() {
  const std::shared_ptr<ForwardedCall> forwarded = std::move(kept_);
  ((*forwarded).*then_)();
}

ForwardedCall::ForwardedCall(std::shared_ptr<ServerCall> from,
                             const Method& method, NewRequest new_request)
    : from_(std::move(from)),
      method_(method),
      new_request_(std::move(new_request)) {}

void ForwardedCall::Start(std::shared_ptr<ServerCall> from, Caller& target,
                          const Method& method, NewRequest new_request) {
  const std::shared_ptr<ForwardedCall> call(
      new ForwardedCall(std::move(from), method, std::move(new_request)));
  call->Begin(target);
}

void ForwardedCall::Begin(Caller& target) {
  CallOptions options;
  options.parent = &from_->context();
  options.metadata = ForwardedMetadata(from_->context());
  if (method_.streams_requests()) {
    to_ = target.StartCall(method_, nullptr, options, CallForm::kNotified);
    take_request_.WaitFor(*from_, CallEvent::kMessage, *this);
  } else {
    Request request(new_request_());
    absl::Status taken = from_->TakeRequest(request.incoming());
    if (!taken.ok()) return from_->Finish(std::move(taken), nullptr);
    const OutgoingMessage outgoing = request.outgoing();
    to_ = target.StartCall(method_, &outgoing, options, CallForm::kNotified);
  }
  pass_headers_.WaitFor(*to_, CallEvent::kHeaders, *this);
}

// Requests.

void ForwardedCall::TakeRequest() {
  request_ = std::make_unique<Request>(new_request_());
  if (from_->Take(request_->incoming())) {
    return send_request_.WaitFor(*to_, CallEvent::kRoom, *this);
  }
  // The end of the stream is either. The parent call's cancellation is passed
  // on by itself.
  if (!from_->context().IsCancelled()) to_->HalfClose();
}

void ForwardedCall::SendRequest() {
  if (to_->Send(request_->outgoing(), /*last=*/false)) {
    take_request_.WaitFor(*from_, CallEvent::kMessage, *this);
  }
}

// Replies.

void ForwardedCall::PassHeaders() {
  from_->context().headers() = WithoutHop(to_->headers());
  // Otherwise they go with what is there to be sent.
  if (!to_->Ready(CallEvent::kMessage)) from_->context().SendHeaders();
  take_reply_.WaitFor(*to_, CallEvent::kMessage, *this);
}

void ForwardedCall::TakeReply() {
  has_reply_ = to_->Take(reply_);
  if (has_reply_ && method_.streams_replies()) {
    return send_reply_.WaitFor(*from_, CallEvent::kRoom, *this);
  }
  pass_end_.WaitFor(*to_, CallEvent::kEnd, *this);
}

void ForwardedCall::SendReply() {
  if (from_->Send(reply_, /*last=*/false)) {
    return take_reply_.WaitFor(*to_, CallEvent::kMessage, *this);
  }
  to_->Abort(absl::CancelledError("the client's call has ended"));
  pass_end_.WaitFor(*to_, CallEvent::kEnd, *this);
}

void ForwardedCall::PassEnd() {
  absl::Status status = to_->status();
  from_->context().trailers() = WithoutHop(to_->trailers());
  const OutgoingMessage reply(reply_);
  const bool replies = status.ok() && has_reply_ && !method_.streams_replies();
  from_->Finish(std::move(status), replies ? &reply : nullptr);
}

}  // namespace fdrpc::grpc
