// What a server's frames do to a call: the part of ClientConnection that reads
// them.

#include <utility>

#include "absl/strings/str_cat.h"
#include "call/message_assembler.h"
#include "call/status_in_place.h"
#include "client/client_connection.h"
#include "wire/metadata_block.h"
#include "wire/status_header.h"

namespace fdrpc {
namespace {

constexpr char kLimit[] = "ChannelOptions::max_metadata_bytes";

// Whether a server may send such a frame, for whichever call.
absl::Status CheckFrame(const FrameHeader& header) {
  const uint8_t flags = header.flags;
  bool valid = false;
  switch (static_cast<FrameType>(header.type)) {
    case FrameType::kHeaders:
      valid = flags == kFlagMetadata;
      break;
    case FrameType::kMessage:
      valid = (flags & ~kFlagMore) == kFlagMessage;
      break;
    case FrameType::kStatus:
      valid = (flags & ~kStatusFlags) == 0;
      break;
    case FrameType::kCredit:
      valid = (flags & ~kFlagDescriptors) == 0 && header.argument != 0 &&
              header.payload_bytes == 0;
      break;
    default:
      break;
  }
  if (!valid) {
    return absl::InvalidArgumentError(absl::StrCat("a frame of type ",
                                                   header.type, " with flags ",
                                                   flags, " from a server"));
  }
  if ((header.type == static_cast<uint8_t>(FrameType::kCredit) ||
       (flags & kFlagMessage) == 0) &&
      header.descriptor_count != 0) {
    return absl::InvalidArgumentError("descriptors came without a message");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ClientConnection::OnFrame(IncomingFrame& frame) {
  absl::Status status = CheckFrame(frame.header);
  if (!status.ok()) return status;
  {
    ChannelLockHolder lock(lock_);
    const uint32_t id = frame.header.call_id;
    if (id == 0 || id >= next_id_) {
      status =
          absl::InvalidArgumentError("a frame for a call that was never made");
    } else if (auto it = calls_.find(id);
               it != calls_.end() && !it->second->method.one_way) {
      status = OnCallFrame(*it->second, frame);
      Admit();
    }
    // Else it crossed with the call's end on this side, or nothing is expected
    // for the call; it is dropped.
  }
  Flush();
  return status;
}

absl::Status ClientConnection::OnCallFrame(PendingCall& call,
                                           IncomingFrame& frame) {
  if (frame.payload_lost) {
    if (frame.header.type == static_cast<uint8_t>(FrameType::kStatus)) {
      Finish(call, DescriptorsCutOff());
    } else {
      Abandon(call, DescriptorsCutOff());
    }
    return absl::OkStatus();
  }
  switch (static_cast<FrameType>(frame.header.type)) {
    case FrameType::kHeaders: {
      // The limits of metadata are those of a block: more of them would be
      // without one.
      if (std::exchange(call.has_headers, true)) {
        return absl::InvalidArgumentError("a call's headers came twice");
      }
      absl::Status decoded = DecodeMetadataBlock(frame.payload, call.headers);
      if (!decoded.ok()) return decoded;
      absl::Status fits =
          CheckMetadataSize(call.headers, call.max_metadata_bytes, kLimit);
      if (!fits.ok()) {
        call.headers.Clear();
        Abandon(call, std::move(fits));
        return absl::OkStatus();
      }
      call.Wake(CallEvent::kHeaders, lock_);
      return absl::OkStatus();
    }
    case FrameType::kMessage:
      return OnMessageFrame(call, frame);
    case FrameType::kStatus:
      return OnStatusFrame(call, frame);
    case FrameType::kCredit:
      return OnCreditFrame(call, frame);
    default:
      return absl::OkStatus();
  }
}

absl::Status ClientConnection::OnMessageFrame(PendingCall& call,
                                              IncomingFrame& frame) {
  const bool more = (frame.header.flags & kFlagMore) != 0;
  absl::Status appended = call.inbox.Append(
      frame.payload, std::move(frame.descriptors), frame.descriptors_truncated,
      more, std::move(frame.buffer));
  if (!appended.ok()) return appended;
  if (!call.inbox.status().ok()) {
    // Whatever the server sends behind it, the call cannot end with that: it
    // need not go on.
    Abandon(call, call.inbox.status());
  } else if (call.ReplyStreams() && !more) {
    call.Wake(CallEvent::kMessage, lock_);
    call.Wake(CallEvent::kHeaders, lock_);
  }
  return absl::OkStatus();
}

absl::Status ClientConnection::OnCreditFrame(PendingCall& call,
                                             const IncomingFrame& frame) {
  Credit credit;
  if ((frame.header.flags & kFlagDescriptors) != 0) {
    credit.descriptors = frame.header.argument;
  } else {
    credit.bytes = frame.header.argument;
  }
  if (!call.RequestStreams() || !call.outbox.Grant(credit)) {
    return absl::InvalidArgumentError(
        "credit for a call that has no use for it");
  }
  SendWaiting(call);
  return absl::OkStatus();
}

absl::Status ClientConnection::OnStatusFrame(PendingCall& call,
                                             IncomingFrame& frame) {
  StatusHeader header;
  absl::Status decoded = DecodeStatusHeader(
      frame.header.flags, frame.header.argument, frame.payload, header);
  if (!decoded.ok()) return decoded;
  for (Metadata* metadata : {&header.headers, &header.trailers}) {
    absl::Status fits =
        CheckMetadataSize(*metadata, call.max_metadata_bytes, kLimit);
    if (fits.ok()) continue;
    metadata->Clear();
    // Also in place of an error: its user must not take none for sent.
    header.status = InPlaceOf(header.status, fits);
  }
  if ((frame.header.flags & kFlagMetadata) != 0) {
    call.headers = std::move(header.headers);
  }
  call.trailers = std::move(header.trailers);
  if ((frame.header.flags & kFlagMessage) != 0) {
    if (call.ReplyStreams()) {
      return absl::InvalidArgumentError(
          "a message with the status of a stream of replies");
    }
    absl::Status appended = call.inbox.Append(
        header.message, std::move(frame.descriptors),
        frame.descriptors_truncated, /*more=*/false, std::move(frame.buffer));
    if (!appended.ok()) return appended;
  }
  if (header.status.ok()) {
    if (call.inbox.partial()) {
      header.status =
          absl::InternalError("the server ended the call within a message");
    } else if (!call.ReplyStreams() && !call.inbox.received_any()) {
      header.status =
          absl::InternalError("the server ended the call without a reply");
    } else {
      header.status = call.inbox.status();
    }
  }
  Finish(call, std::move(header.status));
  return absl::OkStatus();
}

}  // namespace fdrpc
