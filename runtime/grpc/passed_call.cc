#include "grpc/passed_call.h"

#include <utility>

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

}  // namespace

void PassedCall::Step::WaitFor(Call& call, CallEvent event,
                               PassedCall& passed) {
  kept_ = passed.shared_from_this();
  // Last: it may run, and the calls end, at once.
  call.Notify(event, *this);
}

void PassedCall::Step::WaitOrContinue(Call& call, CallEvent event,
                                      PassedCall& passed) {
  if (call.Ready(event)) return (passed.*then_)();
  WaitFor(call, event, passed);
}

void PassedCall::Step::Run() {
  const std::shared_ptr<PassedCall> passed = std::move(kept_);
  ((*passed).*then_)();
}

void PassedCall::Begin(Caller& target, const OutgoingMessage* request,
                       const CallOptions& options) {
  to_ = target.StartCall(method_, request, options, CallForm::kNotified);
  if (method_.streams_requests()) TakeRequest();
  pass_headers_.WaitOrContinue(*to_, CallEvent::kHeaders, *this);
}

// Requests.

void PassedCall::PassRequest() {
  send_request_.WaitOrContinue(*to_, CallEvent::kRoom, *this);
}

void PassedCall::SendRequest() {
  const absl::StatusOr<OutgoingMessage> request = Request();
  if (!request.ok()) return to_->Abort(request.status());
  if (to_->Send(*request, /*last=*/false)) TakeRequest();
}

// Replies.

void PassedCall::PassHeaders() {
  // Otherwise they go with what is there to be sent.
  const bool at_once = !to_->Ready(CallEvent::kMessage);
  SendHeaders(WithoutHop(to_->headers()), at_once);
  PassNextReply();
}

void PassedCall::PassNextReply() {
  take_reply_.WaitOrContinue(*to_, CallEvent::kMessage, *this);
}

void PassedCall::TakeReply() {
  has_reply_ = to_->Take(reply_);
  if (has_reply_ && method_.streams_replies()) return SendReply(reply_);
  pass_end_.WaitOrContinue(*to_, CallEvent::kEnd, *this);
}

void PassedCall::StopReplies(const absl::Status& why) {
  to_->Abort(why);
  pass_end_.WaitOrContinue(*to_, CallEvent::kEnd, *this);
}

void PassedCall::PassEnd() {
  absl::Status status = to_->status();
  const bool one_reply = !method_.streams_replies() && !method_.one_way;
  if (status.ok() && one_reply && !has_reply_) {
    status = absl::InternalError("the call ended without a reply");
  }
  const bool replies = status.ok() && one_reply;
  End(std::move(status), WithoutHop(to_->trailers()),
      replies ? &reply_ : nullptr);
}

}  // namespace fdrpc::grpc
