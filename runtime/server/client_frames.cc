// What clients send: the part of ServerConnection that takes frames.

#include <algorithm>
#include <utility>

#include "base/recycled.h"
#include "call/kinds_differ.h"
#include "call/message_assembler.h"
#include "server/server_connection.h"
#include "wire/frame_rules.h"
#include "wire/limits.h"
#include "wire/metadata_block.h"

namespace fdrpc {
namespace {

absl::Status Violation(const char* what) {
  return absl::InvalidArgumentError(what);
}

}  // namespace

absl::Status ServerConnection::OnFrame(IncomingFrame& frame) {
  absl::Status valid = CheckFrame(frame.header, Side::kClient);
  if (!valid.ok()) return valid;
  switch (static_cast<FrameType>(frame.header.type)) {
    case FrameType::kOpen:
      return OnOpen(frame);
    case FrameType::kMessage:
      return OnMessage(frame);
    case FrameType::kCancel:
      return OnCancel(frame);
    case FrameType::kMethod:
      return OnMethod(frame);
    case FrameType::kCredit:
      return OnCredit(frame);
    default:
      return valid;
  }
}

absl::Status ServerConnection::OnMethod(const IncomingFrame& frame) {
  if (frame.header.argument != methods_.size() + 1 ||
      frame.header.argument > kMaxMethods) {
    return Violation("method numbers that do not run from 1 to the limit");
  }
  methods_.push_back(shared_.registry.Find(frame.payload));
  return absl::OkStatus();
}

absl::Status ServerConnection::OnOpen(IncomingFrame& frame) {
  const uint32_t id = frame.header.call_id;
  const bool one_way = (frame.header.flags & kFlagOneWay) != 0;
  if (id <= last_call_id_) return Violation("a call id that does not increase");
  if (frame.header.argument > methods_.size()) {
    return Violation("a call of a method that was not named");
  }
  OpenHeader open;
  absl::Status decoded =
      frame.payload_lost
          ? absl::OkStatus()
          : DecodeOpenHeader(frame.header.flags, frame.payload, open);
  if (!decoded.ok()) return decoded;
  const absl::StatusOr<RegisteredMethod>& method =
      methods_[frame.header.argument - 1];
  // Where nothing more is read, only calls that are here whole can be served.
  if (!reads_ && method.ok() &&
      (method->kind() != MethodKind::kUnary ||
       (frame.header.flags & kFlagHalfClose) == 0)) {
    takes_calls_ = false;
  }
  // The client learns from the go-away which calls were not taken.
  if (!takes_calls_) return absl::OkStatus();
  last_call_id_ = id;
  if (one_way) ++shared_.counters.one_way_calls;

  if (frame.payload_lost) {
    Refuse(id, one_way, DescriptorsCutOff());
    return absl::OkStatus();
  }
  if (!method.ok()) {
    Refuse(id, one_way, method.status());
    return absl::OkStatus();
  }
  if (one_way && method->kind() != MethodKind::kUnary) {
    ++shared_.counters.one_way_errors;
    return absl::OkStatus();
  }
  // One request begins in the open frame, a stream of them behind it.
  if (((frame.header.flags & kFlagMessage) == 0) !=
      method->streams_requests()) {
    Refuse(id, one_way,
           KindsDiffer(method->handler->method->full_name, "request",
                       "requests", method->streams_requests()));
    return absl::OkStatus();
  }
  const absl::Status fits =
      CheckMetadataSize(open.metadata, shared_.options.max_metadata_bytes,
                        "ServerOptions::max_metadata_bytes");
  if (!fits.ok()) {
    Refuse(id, one_way, fits);
    return absl::OkStatus();
  }
  const std::shared_ptr<IncomingCall> call =
      MakeCall(id, *method, open, one_way);
  if (call == nullptr) return absl::OkStatus();
  absl::Status delivered = Deliver(*call, frame, open.message);
  if (delivered.ok() && method->streams_requests()) call->Start();
  return delivered;
}

std::shared_ptr<IncomingCall> ServerConnection::MakeCall(
    uint32_t id, const RegisteredMethod& method, OpenHeader& open,
    bool one_way) {
  const size_t metadata_bytes = MemoryOf(open.metadata);
  if (metadata_bytes > 0) {
    const absl::Status charged = account_.Charge(metadata_bytes, 0);
    if (!charged.ok()) {
      Refuse(id, one_way, charged);
      return nullptr;
    }
  }
  IncomingCall::Terms terms = {
      .id = id,
      .method = method,
      .metadata = std::move(open.metadata),
      .metadata_bytes = metadata_bytes,
      .request_limits = {.bytes = shared_.options.max_request_bytes,
                         .descriptors =
                             method.handler->method->request_has_descriptors
                                 ? shared_.options.max_request_descriptors
                                 : 0},
      .request_window = {.bytes = shared_.options.stream_window_bytes,
                         .descriptors =
                             shared_.options.stream_window_descriptors},
      .reply_limits = {.bytes = client_.max_message_bytes,
                       .descriptors = client_.max_descriptors},
      .reply_window = {.bytes = client_.initial_credit_bytes,
                       .descriptors = client_.initial_credit_descriptors},
      .one_way = one_way};
  if (open.timeout_ns.has_value()) {
    // More than 100 years is as good as none, and cannot overflow.
    constexpr uint64_t kLongest = uint64_t{100} * 366 * 86400 * 1'000'000'000;
    terms.deadline = Clock::Real().Now() + std::chrono::nanoseconds(std::min(
                                               *open.timeout_ns, kLongest));
  }
  shared_.counters.handlers.Add();
  called_ = true;
  auto call = MakeRecycled<IncomingCall>(shared_from_this(), call_environment_,
                                         std::move(terms));
  const absl::Status added = calls_.Add(call);
  if (added.ok()) return call;
  Refuse(id, one_way, added);
  return nullptr;
}

absl::Status ServerConnection::Deliver(IncomingCall& call, IncomingFrame& frame,
                                       std::string_view piece) {
  absl::Status delivered = call.OnMessage(frame, piece);
  if (call.incomplete_since().has_value()) NoteIncomplete();
  return delivered;
}

absl::Status ServerConnection::OnMessage(IncomingFrame& frame) {
  absl::Status opened = CheckOpened(frame.header.call_id);
  if (!opened.ok()) return opened;
  const std::shared_ptr<IncomingCall> call = calls_.Find(frame.header.call_id);
  // Null: it crossed with the call's end.
  if (call == nullptr) return absl::OkStatus();
  return Deliver(*call, frame, frame.payload);
}

absl::Status ServerConnection::OnCredit(const IncomingFrame& frame) {
  const FrameHeader& header = frame.header;
  absl::Status opened = CheckOpened(header.call_id);
  if (!opened.ok()) return opened;
  const std::shared_ptr<IncomingCall> call = calls_.Find(header.call_id);
  if (call == nullptr) return absl::OkStatus();
  Credit credit;
  ((header.flags & kFlagDescriptors) != 0 ? credit.descriptors : credit.bytes) =
      header.argument;
  return call->OnCredit(credit);
}

absl::Status ServerConnection::OnCancel(const IncomingFrame& frame) {
  absl::Status opened = CheckOpened(frame.header.call_id);
  if (!opened.ok()) return opened;
  const std::shared_ptr<IncomingCall> call = calls_.Find(frame.header.call_id);
  if (call != nullptr) call->OnClientGone();
  return absl::OkStatus();
}

absl::Status ServerConnection::CheckOpened(uint32_t call_id) const {
  // While draining, calls are opened that are not looked at.
  if (call_id <= last_call_id_ || !takes_calls_) {
    return absl::OkStatus();
  }
  return Violation("a frame for a call that was never opened");
}

}  // namespace fdrpc
