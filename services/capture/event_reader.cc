#include "services/capture/event_reader.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "wire/byte_reader.h"
#include "wire/datagram.h"
#include "wire/frame_header.h"
#include "wire/frame_rules.h"
#include "wire/metadata_block.h"
#include "wire/open_header.h"
#include "wire/status_header.h"

namespace fdrpc::capture {
namespace {

Side SideOf(Direction direction) {
  return direction == Direction::kFromServer ? Side::kServer : Side::kClient;
}

bool HasFlag(const FrameHeader& header, uint8_t flag) {
  return (header.flags & flag) != 0;
}

}  // namespace

absl::StatusOr<std::optional<Event>> EventReader::Next() {
  while (events_.empty()) {
    const absl::StatusOr<std::optional<Record>> record = reader_.Next();
    if (!record.ok()) return record.status();
    if (!record->has_value()) return std::nullopt;
    OnRecord(**record);
  }
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Event& EventReader::Add(const Record& record, Event::Kind kind) {
  Event& event = events_.emplace_back();
  event.kind = kind;
  event.time_ns = record.time_ns;
  event.direction = record.direction;
  event.connection = record.connection;
  return event;
}

Event& EventReader::AddOfCall(const Record& record, Event::Kind kind,
                              uint32_t id, const Call& call) {
  Event& event = Add(record, kind);
  event.call = id;
  event.method = call.method;
  // The clock may have been set back meanwhile.
  event.duration_ns = record.time_ns - std::min(record.time_ns, call.begin_ns);
  return event;
}

void EventReader::AddNote(const Record& record, std::string text) {
  Add(record, Event::Kind::kNote).text = std::move(text);
}

void EventReader::OnRecord(const Record& record) {
  const std::string_view content(record.content.data(), record.content.size());
  switch (record.kind) {
    case RecordKind::kConnected:
      return OnConnected(record);
    case RecordKind::kEnded:
      connections_.erase(record.connection);
      Add(record, Event::Kind::kEnded).text = record.content;
      return;
    case RecordKind::kSchema:
      Add(record, Event::Kind::kSchema).message = record.content;
      return;
    case RecordKind::kDatagram:
      return OnDatagram(record);
    case RecordKind::kFrame:
      break;
  }
  if (content.size() < kFrameHeaderBytes) {
    return AddNote(record, "a frame is cut off");
  }
  const FrameHeader header = DecodeFrameHeader(content.data());
  const std::string_view payload = content.substr(kFrameHeaderBytes);
  if (header.payload_bytes != payload.size()) {
    return AddNote(record, "a frame is cut off");
  }
  OnFrame(record, header, payload);
}

void EventReader::OnConnected(const Record& record) {
  Event& event = Add(record, Event::Kind::kConnected);
  ByteReader reader({record.content.data(), record.content.size()});
  reader.Read(event.client.pid);
  reader.Read(event.client.uid);
  reader.Read(event.client.gid);
  reader.Read(event.client.offered_over);
}

void EventReader::OnFrame(const Record& record, const FrameHeader& header,
                          std::string_view payload) {
  if (IsSkipped(header.type)) {
    return AddNote(record, absl::StrCat("a frame of the unknown type ",
                                        static_cast<int>(header.type)));
  }
  absl::Status status = CheckFrame(header, SideOf(record.direction));
  Connection& connection = connections_[record.connection];
  const auto call = connection.calls.find(header.call_id);
  if (status.ok()) {
    switch (static_cast<FrameType>(header.type)) {
      case FrameType::kMethod:
        connection.methods[header.argument] = std::string(payload);
        break;
      case FrameType::kOpen: {
        const auto method = connection.methods.find(header.argument);
        status = method == connection.methods.end()
                     ? absl::InvalidArgumentError(
                           "a call of a method that was not named")
                     : OnOpen(record, header, payload, method->second);
        break;
      }
      case FrameType::kGoAway:
        AddNote(record, absl::StrCat("go-away after call ", header.argument,
                                     payload.empty() ? "" : ": ",
                                     std::string(payload)));
        break;
      case FrameType::kOffer:
        AddNote(record, header.descriptor_count == 0
                            ? "offer of calls back"
                            : "offer of calls back, with their socket");
        break;
      default:
        // Frames of calls that have ended are dropped, as by their receiver.
        if (header.call_id != 0 && call != connection.calls.end()) {
          status = OnFrameOfCall(record, header, payload, call->second);
        }
    }
  }
  if (!status.ok()) {
    AddNote(record, absl::StrCat("a mistake: ", status.message()));
  }
}

absl::Status EventReader::OnOpen(const Record& record,
                                 const FrameHeader& header,
                                 std::string_view payload,
                                 const std::string& method) {
  OpenHeader open;
  absl::Status status = DecodeOpenHeader(header.flags, payload, open);
  if (!status.ok()) return status;
  auto& calls = connections_[record.connection].calls;
  Call& call = calls[header.call_id];
  call = {};
  call.method = method;
  call.begin_ns = record.time_ns;
  call.has_one_request = HasFlag(header, kFlagMessage);
  Event& event = AddOfCall(record, Event::Kind::kOpen, header.call_id, call);
  event.one_way = HasFlag(header, kFlagOneWay);
  event.timeout_ns = open.timeout_ns;
  event.metadata = std::move(open.metadata);
  if (call.has_one_request) {
    OnPiece(record, header.call_id, call, open.message,
            HasFlag(header, kFlagMore));
  } else if (HasFlag(header, kFlagHalfClose)) {
    AddOfCall(record, Event::Kind::kHalfClose, header.call_id, call);
  }
  return absl::OkStatus();
}

absl::Status EventReader::OnFrameOfCall(const Record& record,
                                        const FrameHeader& header,
                                        std::string_view payload, Call& call) {
  const uint32_t id = header.call_id;
  switch (static_cast<FrameType>(header.type)) {
    case FrameType::kHeaders: {
      Metadata headers;
      absl::Status status = DecodeHeaders(payload, headers);
      if (!status.ok()) return status;
      AddOfCall(record, Event::Kind::kHeaders, id, call).metadata =
          std::move(headers);
      break;
    }
    case FrameType::kMessage:
      if (HasFlag(header, kFlagMessage)) {
        OnPiece(record, id, call, payload, HasFlag(header, kFlagMore));
      }
      if (HasFlag(header, kFlagHalfClose) && !call.has_one_request) {
        AddOfCall(record, Event::Kind::kHalfClose, id, call);
      }
      break;
    case FrameType::kStatus:
      return OnStatus(record, header, payload, call);
    case FrameType::kCancel:
      AddOfCall(record, Event::Kind::kCancel, id, call);
      connections_[record.connection].calls.erase(id);
      break;
    default:
      break;
  }
  return absl::OkStatus();
}

absl::Status EventReader::OnStatus(const Record& record,
                                   const FrameHeader& header,
                                   std::string_view payload, Call& call) {
  StatusHeader status;
  absl::Status decoded =
      DecodeStatusHeader(header.flags, header.argument, payload, status);
  if (!decoded.ok()) return decoded;
  if (!status.headers.empty()) {
    AddOfCall(record, Event::Kind::kHeaders, header.call_id, call).metadata =
        std::move(status.headers);
  }
  if (HasFlag(header, kFlagMessage)) {
    OnPiece(record, header.call_id, call, status.message, /*more=*/false);
  }
  Event& event = AddOfCall(record, Event::Kind::kStatus, header.call_id, call);
  event.status = std::move(status.status);
  event.metadata = std::move(status.trailers);
  connections_[record.connection].calls.erase(header.call_id);
  return absl::OkStatus();
}

void EventReader::OnPiece(const Record& record, uint32_t id, Call& call,
                          std::string_view piece, bool more) {
  const int side = record.direction == Direction::kFromServer ? 1 : 0;
  call.parts[side].append(piece);
  auto& descriptors = call.part_descriptors[side];
  descriptors.insert(descriptors.end(), record.descriptors.begin(),
                     record.descriptors.end());
  if (more) return;
  Event& event = AddOfCall(record, Event::Kind::kMessage, id, call);
  event.message = std::exchange(call.parts[side], {});
  event.descriptors = std::exchange(descriptors, {});
}

void EventReader::OnDatagram(const Record& record) {
  const std::string_view bytes(record.content.data(), record.content.size());
  absl::Status status;
  if (record.direction == Direction::kFromClient) {
    DatagramCall call;
    status = DecodeDatagramCall(bytes, call);
    if (status.ok()) {
      call.open.call_id = ++last_datagram_call_;
      datagram_calls_[{call.tag.key, call.tag.call}] = call.open.call_id;
      status =
          OnOpen(record, call.open, call.payload, std::string(call.method));
    }
  } else {
    DatagramTag tag;
    std::string_view frames;
    status = DecodeDatagramAnswer(bytes, tag, frames);
    const auto call = datagram_calls_.find({tag.key, tag.call});
    if (call == datagram_calls_.end()) return;
    while (status.ok() && !frames.empty()) {
      FrameHeader header;
      std::string_view payload;
      status = TakeDatagramFrame(frames, Side::kServer, header, payload);
      if (!status.ok()) break;
      header.call_id = call->second;
      OnFrame(record, header, payload);
    }
    datagram_calls_.erase(call);
  }
  if (!status.ok()) {
    AddNote(record, absl::StrCat("a mistake: ", status.message()));
  }
}

}  // namespace fdrpc::capture
