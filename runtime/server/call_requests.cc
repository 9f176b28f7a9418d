#include "server/call_requests.h"

#include <utility>

namespace fdrpc {

CallRequests::CallRequests(MessageLimits limits, std::optional<Credit> window,
                           ConnectionAccount& account)
    : streams_(window.has_value()),
      account_(account),
      single_(limits),
      stream_(streams_ ? std::make_unique<MessageInbox>(limits, window)
                       : nullptr) {}

absl::Status CallRequests::Add(IncomingFrame& frame, std::string_view piece,
                               absl::Status& violation) {
  if (half_closed_) {
    violation = absl::InvalidArgumentError("a message behind a half-close");
    return absl::OkStatus();
  }
  absl::Status possible;
  if (!streams_) {
    possible = AddToSingle(frame, piece);
  } else if (stream_ != nullptr) {
    possible = AddToStream(frame, piece, violation);
  }
  // Else it crossed with the end, and the frame closes its descriptors.
  //
  // The handler does not take an end with an error for the half-close.
  if (possible.ok()) {
    half_closed_ = (frame.header.flags & kFlagHalfClose) != 0;
  }
  return possible;
}

absl::Status CallRequests::AddToSingle(IncomingFrame& frame,
                                       std::string_view piece) {
  const uint8_t flags = frame.header.flags;
  if ((flags & kFlagMessage) != 0) {
    if (single_.complete()) {
      return absl::InternalError(
          "the client sent more than one message to a unary method");
    }
    absl::Status charged = Charge(piece.size(), frame.descriptors.size());
    if (!charged.ok()) return charged;
    single_.Append(piece, std::move(frame.descriptors),
                   frame.descriptors_truncated, (flags & kFlagMore) != 0,
                   std::move(frame.buffer));
    if (!single_.status().ok()) return single_.status();
  }
  if ((flags & kFlagHalfClose) != 0 && !single_.complete()) {
    return absl::InternalError("the client half-closed without a message");
  }
  return absl::OkStatus();
}

absl::Status CallRequests::AddToStream(IncomingFrame& frame,
                                       std::string_view piece,
                                       absl::Status& violation) {
  const uint8_t flags = frame.header.flags;
  if ((flags & kFlagMessage) != 0) {
    absl::Status charged = Charge(piece.size(), frame.descriptors.size());
    if (!charged.ok()) return charged;
    violation = stream_->Append(
        piece, std::move(frame.descriptors), frame.descriptors_truncated,
        (flags & kFlagMore) != 0, std::move(frame.buffer));
    if (!stream_->status().ok()) return stream_->status();
  }
  if ((flags & kFlagHalfClose) != 0 && stream_->partial()) {
    return absl::InternalError("the client half-closed within a message");
  }
  return absl::OkStatus();
}

absl::Status CallRequests::Charge(size_t bytes, size_t descriptors) {
  absl::Status charged = account_.Charge(bytes, descriptors);
  if (!charged.ok()) return charged;
  held_bytes_ += bytes;
  held_descriptors_ += descriptors;
  return charged;
}

void CallRequests::Release(size_t bytes, size_t descriptors) {
  account_.Release(bytes, descriptors);
  held_bytes_ -= bytes;
  held_descriptors_ -= descriptors;
}

bool CallRequests::Take(ReceivedMessage& message, Credit& grant) {
  if (stream_ == nullptr || !stream_->has_message()) return false;
  grant = stream_->Take(message);
  // Who sends no more has no use for credit.
  if (half_closed_) grant = {};
  Release(message.bytes.size(), message.descriptors.size());
  return true;
}

std::unique_ptr<MessageInbox> CallRequests::Drop() {
  if (stream_ != nullptr) ReleaseAll();
  return std::exchange(stream_, nullptr);
}

}  // namespace fdrpc
