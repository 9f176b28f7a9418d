#include "server/client_frames.h"

#include "base/recycled.h"
#include "call/kinds_differ.h"
#include "call/message_assembler.h"
#include "server/call_record.h"
#include "server/call_terms.h"
#include "wire/limits.h"
#include "wire/metadata_block.h"

namespace fdrpc {
namespace {

constexpr char kUnknownMethod[] = "an unknown method";

absl::Status Violation(const char* what) {
  return absl::InvalidArgumentError(what);
}

// Whether nothing of a call follows its open frame.
bool IsWhole(const RegisteredMethod& method, const FrameHeader& open) {
  return method.kind() == MethodKind::kUnary &&
         (open.flags & kFlagHalfClose) != 0;
}

}  // namespace

absl::Status ClientFrames::OnFrame(IncomingFrame& frame,
                                   IncomingCall::Origin& origin) {
  switch (static_cast<FrameType>(frame.header.type)) {
    case FrameType::kOpen:
      return OnOpen(frame, origin);
    case FrameType::kMessage:
      return OnMessage(frame);
    case FrameType::kCancel:
      return OnCancel(frame);
    case FrameType::kMethod:
      return methods_.Add(frame.header.argument, frame.payload)
                 ? absl::OkStatus()
                 : Violation(
                       "method ids that do not count from 1 without a gap");
    case FrameType::kCredit:
      return OnCredit(frame);
    case FrameType::kOffer:
      return origin.OnOffer(frame, /*late=*/last_call_id_ != 0);
    default:
      return absl::OkStatus();
  }
}

absl::Status ClientFrames::OnOpen(IncomingFrame& frame,
                                  IncomingCall::Origin& origin) {
  const FrameHeader& header = frame.header;
  if (header.call_id <= last_call_id_) {
    return Violation("a call id that does not increase");
  }
  const absl::StatusOr<RegisteredMethod>* const method =
      methods_.Find(header.argument);
  if (method == nullptr) {
    return Violation("a call of a method that was not named");
  }
  OpenHeader open;
  absl::Status decoded =
      frame.payload_lost ? absl::OkStatus()
                         : DecodeOpenHeader(header.flags, frame.payload, open);
  if (!decoded.ok()) return decoded;
  // The client learns from the go-away which calls were not accepted.
  if (!drain_.TakesCall(!method->ok() || IsWhole(**method, header))) {
    return absl::OkStatus();
  }
  if (last_call_id_ == 0) origin.OnFirstCall();
  last_call_id_ = header.call_id;
  const bool one_way = (header.flags & kFlagOneWay) != 0;
  if (one_way) ++environment_.counters.one_way_calls;
  const absl::StatusOr<std::shared_ptr<IncomingCall>> call =
      MakeCall(frame, *method, open, origin);
  if (call.ok()) {
    absl::Status delivered = Deliver(**call, frame, open.message);
    if (delivered.ok() && (*method)->streams_requests()) (*call)->Start();
    return delivered;
  }
  if (one_way) {
    ++environment_.counters.one_way_errors;
  } else {
    origin.EndCall(header.call_id, BuildStatus(header.call_id, call.status(),
                                               {}, {}, nullptr, {}));
    origin.Flush();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<IncomingCall>> ClientFrames::MakeCall(
    const IncomingFrame& frame, const absl::StatusOr<RegisteredMethod>& method,
    OpenHeader& open, IncomingCall::Origin& origin) {
  const uint8_t flags = frame.header.flags;
  const bool one_way = (flags & kFlagOneWay) != 0;
  const auto refuse = [&method](absl::Status why) {
    CallRecord::Refused(
        method.ok() ? method->handler->method->full_name : kUnknownMethod,
        method.ok() ? &*method : nullptr, why);
    return why;
  };
  if (frame.payload_lost) return refuse(DescriptorsCutOff());
  if (!method.ok()) return refuse(method.status());
  // A single request begins in the open frame, a stream of them after it.
  if (((flags & kFlagMessage) == 0) != method->streams_requests() ||
      (one_way && method->kind() != MethodKind::kUnary)) {
    return refuse(KindsDiffer(method->handler->method->full_name, "request",
                              "requests", method->streams_requests()));
  }
  const absl::Status fits =
      CheckMetadataSize(open.metadata, options_.max_metadata_bytes,
                        "ServerOptions::max_metadata_bytes");
  if (!fits.ok()) return refuse(fits);
  IncomingCall::Terms terms = TermsOf(frame.header.call_id, *method, open);
  terms.one_way = one_way;
  if (terms.metadata_bytes > 0) {
    const absl::Status charged =
        environment_.account.Charge(terms.metadata_bytes, 0);
    if (!charged.ok()) return refuse(charged);
  }
  environment_.counters.handlers.Add();
  drain_.OnCallTaken();
  auto call = MakeRecycled<IncomingCall>(origin.shared_from_this(),
                                         environment_, std::move(terms));
  const absl::Status added = calls_.Add(call);
  if (!added.ok()) {
    call->OnRefused(added);
    return added;
  }
  return call;
}

IncomingCall::Terms ClientFrames::TermsOf(uint32_t id,
                                          const RegisteredMethod& method,
                                          OpenHeader& open) const {
  IncomingCall::Terms terms =
      TermsOfRequest(id, method, open, options_, environment_.clock);
  terms.request_window = {.bytes = options_.stream_window_bytes,
                          .descriptors = options_.stream_window_descriptors};
  terms.reply_limits = {.bytes = client_.max_message_bytes,
                        .descriptors = client_.max_descriptors};
  terms.reply_window = {.bytes = client_.initial_credit_bytes,
                        .descriptors = client_.initial_credit_descriptors};
  return terms;
}

absl::Status ClientFrames::Deliver(IncomingCall& call, IncomingFrame& frame,
                                   std::string_view piece) {
  absl::Status delivered = call.OnMessage(frame, piece);
  incomplete_ |= call.incomplete_since().has_value();
  return delivered;
}

absl::Status ClientFrames::OnMessage(IncomingFrame& frame) {
  absl::Status opened = CheckOpened(frame.header.call_id);
  if (!opened.ok()) return opened;
  const std::shared_ptr<IncomingCall> call = calls_.Find(frame.header.call_id);
  // Null: it has crossed with the call's end.
  return call == nullptr ? opened : Deliver(*call, frame, frame.payload);
}

absl::Status ClientFrames::OnCredit(const IncomingFrame& frame) {
  const FrameHeader& header = frame.header;
  absl::Status opened = CheckOpened(header.call_id);
  if (!opened.ok()) return opened;
  const std::shared_ptr<IncomingCall> call = calls_.Find(header.call_id);
  if (call == nullptr) return opened;
  Credit credit;
  ((header.flags & kFlagDescriptors) != 0 ? credit.descriptors : credit.bytes) =
      header.argument;
  return call->OnCredit(credit);
}

absl::Status ClientFrames::OnCancel(const IncomingFrame& frame) {
  absl::Status opened = CheckOpened(frame.header.call_id);
  if (!opened.ok()) return opened;
  const std::shared_ptr<IncomingCall> call = calls_.Find(frame.header.call_id);
  if (call != nullptr) call->OnClientGone();
  return opened;
}

absl::Status ClientFrames::CheckOpened(uint32_t call_id) const {
  // While draining, calls may be opened that are not looked at.
  if (call_id <= last_call_id_ || !drain_.takes_calls()) {
    return absl::OkStatus();
  }
  return Violation("a frame for a call that was never opened");
}

}  // namespace fdrpc
