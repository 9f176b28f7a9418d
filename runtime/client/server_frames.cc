// What a server's frames do to a call: the part of ClientConnection that reads
// them.

#include <utility>

#include "call/kinds_differ.h"
#include "call/message_assembler.h"
#include "call/status_in_place.h"
#include "client/client_connection.h"
#include "wire/metadata_block.h"
#include "wire/status_header.h"

namespace fdrpc {
namespace {

constexpr char kLimit[] = "ChannelOptions::max_metadata_bytes";

absl::Status HeadersOutOfPlace() {
  return absl::InvalidArgumentError(
      "a call's headers came twice, or behind a message");
}

}  // namespace

absl::Status ClientConnection::OnFrame(IncomingFrame& frame) {
  absl::Status status;
  ChannelLock lock(mutex_);
  const uint32_t id = frame.header.call_id;
  if (id == 0) {
    status = OnGoAway(frame.header.argument, frame.payload, lock);
  } else if (id >= next_id_) {
    status =
        absl::InvalidArgumentError("a frame for a call that was never made");
  } else if (auto it = calls_.find(id);
             it != calls_.end() && !it->second->method.one_way) {
    status = OnCallFrame(*it->second, frame, lock);
    Admit(lock);
  }
  // Else it crossed with the call's end on this side, or nothing is expected
  // for the call; it is dropped.
  return status;
}

absl::Status ClientConnection::OnCallFrame(PendingCall& call,
                                           IncomingFrame& frame,
                                           ChannelLock& lock) {
  if (frame.payload_lost) {
    if (frame.header.type == static_cast<uint8_t>(FrameType::kStatus)) {
      Finish(call, DescriptorsCutOff(), lock);
    } else {
      Abandon(call, DescriptorsCutOff(), lock);
    }
    return absl::OkStatus();
  }
  switch (static_cast<FrameType>(frame.header.type)) {
    case FrameType::kHeaders:
      return OnHeadersFrame(call, frame, lock);
    case FrameType::kMessage:
      return OnMessageFrame(call, frame, lock);
    case FrameType::kStatus:
      return OnStatusFrame(call, frame, lock);
    case FrameType::kCredit:
      return OnCreditFrame(call, frame, lock);
    default:
      return absl::OkStatus();
  }
}

absl::Status ClientConnection::OnHeadersFrame(PendingCall& call,
                                              IncomingFrame& frame,
                                              ChannelLock& lock) {
  // The limits of metadata are those of a block: more of them would be without
  // one.
  if (!call.AwaitsHeaders()) return HeadersOutOfPlace();
  call.has_headers = true;
  absl::Status decoded = DecodeHeaders(frame.payload, call.headers);
  if (!decoded.ok()) return decoded;
  absl::Status fits =
      CheckMetadataSize(call.headers, call.max_metadata_bytes, kLimit);
  if (fits.ok()) {
    call.Wake(CallEvent::kHeaders, lock);
  } else {
    call.headers.Clear();
    Abandon(call, std::move(fits), lock);
  }
  return absl::OkStatus();
}

absl::Status ClientConnection::OnMessageFrame(PendingCall& call,
                                              IncomingFrame& frame,
                                              ChannelLock& lock) {
  const bool more = (frame.header.flags & kFlagMore) != 0;
  absl::Status appended = call.inbox.Append(
      frame.payload, std::move(frame.descriptors), frame.descriptors_truncated,
      more, std::move(frame.buffer));
  if (!appended.ok()) return appended;
  if (!call.inbox.status().ok()) {
    // Whatever the server sends behind it, the call cannot end with that: it
    // need not go on.
    Abandon(call, call.inbox.status(), lock);
  } else if (more) {
    return absl::OkStatus();
  } else if (!call.ReplyStreams()) {
    // The last piece of one reply comes with the status.
    Abandon(call,
            KindsDiffer(call.method.full_name, "reply", "replies",
                        /*streams_on_server=*/true),
            lock);
  } else {
    call.Wake(CallEvent::kMessage, lock);
    call.Wake(CallEvent::kHeaders, lock);
  }
  return absl::OkStatus();
}

absl::Status ClientConnection::OnCreditFrame(PendingCall& call,
                                             const IncomingFrame& frame,
                                             ChannelLock& lock) {
  Credit credit;
  if ((frame.header.flags & kFlagDescriptors) != 0) {
    credit.descriptors = frame.header.argument;
  } else {
    credit.bytes = frame.header.argument;
  }
  if (!call.RequestStreams()) {
    Abandon(call,
            KindsDiffer(call.method.full_name, "request", "requests",
                        /*streams_on_server=*/true),
            lock);
    return absl::OkStatus();
  }
  if (!call.outbox.Grant(credit)) {
    return absl::InvalidArgumentError("more credit than a stream can have");
  }
  SendWaiting(call, lock);
  return absl::OkStatus();
}

absl::Status ClientConnection::OnStatusFrame(PendingCall& call,
                                             IncomingFrame& frame,
                                             ChannelLock& lock) {
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
    if (!call.AwaitsHeaders()) return HeadersOutOfPlace();
    call.headers = std::move(header.headers);
  }
  call.trailers = std::move(header.trailers);
  if ((frame.header.flags & kFlagMessage) != 0) {
    if (call.ReplyStreams()) {
      if (header.status.ok()) {
        header.status = KindsDiffer(call.method.full_name, "reply", "replies",
                                    /*streams_on_server=*/false);
      }
    } else {
      absl::Status appended = call.inbox.Append(
          header.message, std::move(frame.descriptors),
          frame.descriptors_truncated, /*more=*/false, std::move(frame.buffer));
      if (!appended.ok()) return appended;
    }
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
  Finish(call, std::move(header.status), lock);
  return absl::OkStatus();
}

}  // namespace fdrpc
