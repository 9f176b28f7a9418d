#include "client/apply_frame.h"

#include <utility>

#include "call/kinds_differ.h"
#include "call/message_assembler.h"
#include "call/status_in_place.h"
#include "wire/metadata_block.h"
#include "wire/status_header.h"

namespace fdrpc {
namespace {

using Action = FrameEffect::Action;

constexpr char kLimit[] = "ChannelOptions::max_metadata_bytes";

FrameEffect Violation(absl::Status what) {
  return {Action::kViolation, std::move(what)};
}
FrameEffect Abandon(absl::Status why) {
  return {Action::kAbandon, std::move(why)};
}
FrameEffect HeadersOutOfPlace() {
  return Violation(absl::InvalidArgumentError(
      "a call's headers came twice, or after a message"));
}

FrameEffect ApplyHeaders(PendingCall& call, IncomingFrame& frame,
                         ChannelLock& lock)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
  // The limits on metadata are those of a block: without a block there are
  // none.
  if (!call.state.OnHeaders()) return HeadersOutOfPlace();
  absl::Status decoded = DecodeHeaders(frame.payload, call.headers);
  if (!decoded.ok()) return Violation(std::move(decoded));
  absl::Status fits =
      CheckMetadataSize(call.headers, call.max_metadata_bytes, kLimit);
  if (!fits.ok()) {
    call.headers.Clear();
    return Abandon(std::move(fits));
  }
  call.EndWaits(lock);
  return {};
}

FrameEffect ApplyMessage(PendingCall& call, IncomingFrame& frame,
                         ChannelLock& lock)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
  const bool more = (frame.header.flags & kFlagMore) != 0;
  absl::Status appended = call.state.OnPiece(
      frame.payload, std::move(frame.descriptors), frame.descriptors_truncated,
      more, std::move(frame.buffer));
  if (!appended.ok()) return Violation(std::move(appended));
  // Whatever the server sends after this, the call cannot succeed, so it need
  // not continue.
  if (!call.state.received().ok()) return Abandon(call.state.received());
  if (more) return {};
  if (!call.method.streams_replies()) {
    // The last piece of a single reply comes with the status.
    return Abandon(KindsDiffer(call.method.full_name, "reply", "replies",
                               /*streams_on_server=*/true));
  }
  call.EndWaits(lock);
  return {};
}

FrameEffect ApplyCredit(PendingCall& call, const IncomingFrame& frame) {
  Credit credit;
  if ((frame.header.flags & kFlagDescriptors) != 0) {
    credit.descriptors = frame.header.argument;
  } else {
    credit.bytes = frame.header.argument;
  }
  if (!call.method.streams_requests()) {
    return Abandon(KindsDiffer(call.method.full_name, "request", "requests",
                               /*streams_on_server=*/true));
  }
  if (!call.state.OnCredit(credit)) {
    return Violation(
        absl::InvalidArgumentError("more credit than a stream can have"));
  }
  return {Action::kSend, absl::OkStatus()};
}

FrameEffect ApplyStatus(PendingCall& call, IncomingFrame& frame) {
  StatusHeader header;
  absl::Status decoded = DecodeStatusHeader(
      frame.header.flags, frame.header.argument, frame.payload, header);
  if (!decoded.ok()) return Violation(std::move(decoded));
  for (Metadata* metadata : {&header.headers, &header.trailers}) {
    absl::Status fits =
        CheckMetadataSize(*metadata, call.max_metadata_bytes, kLimit);
    if (fits.ok()) continue;
    metadata->Clear();
    // This also replaces an error, so that its user does not take the metadata
    // for empty.
    header.status = InPlaceOf(header.status, fits);
  }
  if ((frame.header.flags & kFlagMetadata) != 0) {
    if (!call.state.OnHeaders()) return HeadersOutOfPlace();
    call.headers = std::move(header.headers);
  }
  call.trailers = std::move(header.trailers);
  if ((frame.header.flags & kFlagMessage) != 0) {
    if (!call.method.streams_replies()) {
      absl::Status appended = call.state.OnPiece(
          header.message, std::move(frame.descriptors),
          frame.descriptors_truncated, /*more=*/false, std::move(frame.buffer));
      if (!appended.ok()) return Violation(std::move(appended));
    } else if (header.status.ok()) {
      header.status = KindsDiffer(call.method.full_name, "reply", "replies",
                                  /*streams_on_server=*/false);
    }
  }
  if (header.status.ok()) {
    absl::Status closed = call.state.OnHalfClose("the server ended the call");
    if (!closed.ok()) return Violation(std::move(closed));
    header.status = call.state.received();
  }
  return {Action::kFinish, std::move(header.status)};
}

}  // namespace

FrameEffect ApplyFrame(PendingCall& call, IncomingFrame& frame,
                       ChannelLock& lock) {
  const auto type = static_cast<FrameType>(frame.header.type);
  if (frame.payload_lost) {
    return {type == FrameType::kStatus ? Action::kFinish : Action::kAbandon,
            DescriptorsCutOff()};
  }
  switch (type) {
    case FrameType::kHeaders:
      return ApplyHeaders(call, frame, lock);
    case FrameType::kMessage:
      return ApplyMessage(call, frame, lock);
    case FrameType::kStatus:
      return ApplyStatus(call, frame);
    case FrameType::kCredit:
      return ApplyCredit(call, frame);
    default:
      return {};
  }
}

}  // namespace fdrpc
