#include "connection/frame_builder.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "call/contiguous_message.h"
#include "call/prepare_message.h"
#include "connection/message_pieces.h"
#include "fdrpc/internal/message_owner.h"
#include "wire/cut_text.h"
#include "wire/limits.h"
#include "wire/little_endian.h"
#include "wire/metadata_block.h"
#include "wire/status_header.h"

namespace fdrpc {
namespace {

// A message up to this size is serialised directly after the header.
constexpr size_t kMaxInlineBytes = 8u << 10;
// A message from this size on may have fields that are better not copied.
constexpr size_t kLeastSharedBytes = 64u << 10;

OutgoingFrame NewFrame(FrameHeader header, std::string_view payload = {}) {
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  OutgoingFrame frame;
  frame.head.resize(kFrameHeaderBytes);
  EncodeFrameHeader(header, frame.head.data());
  frame.head += payload;
  frame.call_id = header.call_id;
  return frame;
}

size_t PieceCount(size_t bytes, size_t descriptors) {
  const size_t by_bytes = (bytes + kMaxPieceBytes - 1) / kMaxPieceBytes;
  const size_t by_descriptors =
      (descriptors + kMaxSentFrameDescriptors - 1) / kMaxSentFrameDescriptors;
  return std::max({size_t{1}, by_bytes, by_descriptors});
}

// A message cut into pieces, one for each frame.
class Pieces {
 public:
  Pieces(const OutgoingMessage& message, DescriptorSet descriptors)
      : message_(*message.message),
        bytes_(message_.ByteSizeLong()),
        descriptors_(std::move(descriptors)),
        count_(PieceCount(bytes_, descriptors_.size())) {
    if (count_ == 1 && bytes_ <= kMaxInlineBytes) return;
    bodies_ = bytes_ >= kLeastSharedBytes && IsOwned(message)
                  ? Share(*message.owner)
                  : SerialisePieces(message_, bytes_);
  }

  size_t count() const { return count_; }

  // Fills in the frame of piece `index`; `sections` precede the message.
  void Fill(OutgoingFrame& frame, size_t index, FrameHeader header,
            std::string_view sections) {
    const size_t first_fd =
        std::min(index * kMaxSentFrameDescriptors, descriptors_.size());
    const size_t end_fd =
        std::min(first_fd + kMaxSentFrameDescriptors, descriptors_.size());
    const size_t offset = std::min(index * kMaxPieceBytes, bytes_);
    const size_t bytes = std::min<size_t>(kMaxPieceBytes, bytes_ - offset);
    header.payload_bytes = static_cast<uint32_t>(sections.size() + bytes);
    header.descriptor_count = static_cast<uint16_t>(end_fd - first_fd);

    frame.call_id = header.call_id;
    const size_t before = kFrameHeaderBytes + sections.size();
    frame.head.resize(before + (bodies_.empty() ? bytes : 0));
    EncodeFrameHeader(header, frame.head.data());
    sections.copy(frame.head.data() + kFrameHeaderBytes, sections.size());
    if (bodies_.empty()) {
      SerialiseContiguous(message_, frame.head.data() + before, bytes);
    } else if (bytes > 0) {
      frame.Attach().body = std::move(bodies_[index]);
      frame.attached->body_bytes = bytes;
    }
    for (size_t i = first_fd; i < end_fd; ++i) {
      frame.Attach().descriptors.push_back(std::move(descriptors_[i]));
    }
  }

 private:
  // An interceptor may have replaced the owner's message.
  static bool IsOwned(const OutgoingMessage& message) {
    return message.owner != nullptr &&
           &message.owner->owned() == message.message;
  }
  static MessagePieces Share(internal::MessageOwner& owner) {
    const auto shared = owner.Share();
    // The move does not copy the sizes that the serialiser keeps in the
    // message.
    (void)shared->ByteSizeLong();
    return SharePieces(shared);
  }

  const google::protobuf::MessageLite& message_;
  const size_t bytes_;
  DescriptorSet descriptors_;
  const size_t count_;
  MessagePieces bodies_;  // none: serialised into the only frame
};

// Adds the frames of a message. `first` is the header of the first frame, with
// the sections before the message; the others are message frames. The last one
// has `last_flags`, the others the flag "more".
void AddPieces(const FrameHeader& first, std::string_view sections,
               const OutgoingMessage& message, DescriptorSet&& descriptors,
               uint8_t last_flags, OutgoingFrames& frames) {
  Pieces pieces(message, std::move(descriptors));
  for (size_t i = 0; i < pieces.count(); ++i) {
    FrameHeader header =
        i == 0 ? first
               : FrameHeader{.call_id = first.call_id,
                             .type = static_cast<uint8_t>(FrameType::kMessage),
                             .flags = kFlagMessage};
    header.flags |= i + 1 < pieces.count() ? kFlagMore : last_flags;
    pieces.Fill(frames.emplace_back(), i, header, i == 0 ? sections : "");
  }
}

void AddMessage(uint32_t call_id, const OutgoingMessage& message,
                DescriptorSet&& descriptors, bool half_close,
                OutgoingFrames& frames) {
  AddPieces({.call_id = call_id,
             .type = static_cast<uint8_t>(FrameType::kMessage),
             .flags = kFlagMessage},
            "", message, std::move(descriptors),
            half_close ? kFlagHalfClose : uint8_t{0}, frames);
}

}  // namespace

OutgoingFrames BuildOpen(const google::protobuf::MessageLite* request,
                         DescriptorSet descriptors, bool has_timeout,
                         const Metadata& metadata) {
  FrameHeader open = {.type = static_cast<uint8_t>(FrameType::kOpen)};
  std::string sections;
  if (has_timeout) {
    open.flags |= kFlagTimeout;
    AppendLittleEndian(sections, uint64_t{0});
  }
  if (!metadata.empty()) {
    open.flags |= kFlagMetadata;
    AppendMetadataBlock(metadata, sections);
  }
  OutgoingFrames frames;
  if (request == nullptr) {
    frames.push_back(NewFrame(open, sections));
    return frames;
  }
  open.flags |= kFlagMessage;
  AddPieces(open, sections, *request, std::move(descriptors), kFlagHalfClose,
            frames);
  return frames;
}

void MakeOneWay(OutgoingFrames& frames) {
  AddFlags(frames.front(), kFlagOneWay);
  frames.back().tells_when_sent = true;
}

OutgoingFrames BuildMessage(uint32_t call_id, const OutgoingMessage& message,
                            DescriptorSet descriptors, bool half_close) {
  OutgoingFrames frames;
  AddMessage(call_id, message, std::move(descriptors), half_close, frames);
  return frames;
}

absl::Status PrepareStreamMessage(uint32_t call_id,
                                  const OutgoingMessage& message, bool has_any,
                                  const MessageLimits& limits, bool half_close,
                                  StreamMessage& prepared) {
  DescriptorSet descriptors;
  absl::Status sendable = PrepareMessage(message, has_any, limits, descriptors);
  if (!sendable.ok()) return sendable;
  prepared.bytes = static_cast<size_t>(message.message->GetCachedSize());
  prepared.descriptors = descriptors.size();
  AddMessage(call_id, message, std::move(descriptors), half_close,
             prepared.frames);
  return sendable;
}

OutgoingFrame BuildHalfClose(uint32_t call_id) {
  return NewFrame({.call_id = call_id,
                   .type = static_cast<uint8_t>(FrameType::kMessage),
                   .flags = kFlagHalfClose});
}

void SetCallId(OutgoingFrame& frame, uint32_t call_id) {
  frame.call_id = call_id;
  StoreLittleEndian(frame.head.data() + kCallIdOffset, call_id);
}

void AddFlags(OutgoingFrame& frame, uint8_t flags) {
  char& byte = frame.head[kFlagsOffset];
  byte = static_cast<char>(static_cast<uint8_t>(byte) | flags);
}

OutgoingFrame BuildHeaders(uint32_t call_id, const Metadata& headers) {
  std::string section;
  AppendMetadataBlock(headers, section);
  return NewFrame({.call_id = call_id,
                   .type = static_cast<uint8_t>(FrameType::kHeaders),
                   .flags = kFlagMetadata},
                  section);
}

OutgoingFrames BuildCredit(uint32_t call_id, Credit credit) {
  OutgoingFrames frames;
  FrameHeader header = {.call_id = call_id,
                        .type = static_cast<uint8_t>(FrameType::kCredit)};
  if (credit.bytes > 0) {
    header.argument = credit.bytes;
    frames.push_back(NewFrame(header));
  }
  if (credit.descriptors > 0) {
    header.flags = kFlagDescriptors;
    header.argument = credit.descriptors;
    frames.push_back(NewFrame(header));
  }
  return frames;
}

void CompleteOpen(OutgoingFrames& frames, uint32_t call_id, uint32_t method_id,
                  absl::Duration timeout) {
  for (OutgoingFrame& frame : frames) SetCallId(frame, call_id);
  // The changed timeout is a part of the payload.
  if (FrameAttachment* attached = frames.front().attached.get()) {
    attached->sealed.Reset();
  }
  std::string& open = frames.front().head;
  StoreLittleEndian(open.data() + kArgumentOffset, method_id);
  if ((DecodeFrameHeader(open.data()).flags & kFlagTimeout) != 0) {
    // The timeout is the first section. It is at least a nanosecond: zero would
    // read as a call whose deadline has passed, which the caller itself
    // detects.
    const int64_t ns = std::max<int64_t>(1, absl::ToInt64Nanoseconds(timeout));
    StoreLittleEndian(open.data() + kFrameHeaderBytes,
                      static_cast<uint64_t>(ns));
  }
}

OutgoingFrames BuildStatus(uint32_t call_id, const absl::Status& status,
                           const Metadata& headers, const Metadata& trailers,
                           const OutgoingMessage* reply,
                           DescriptorSet descriptors) {
  FrameHeader end = {.call_id = call_id,
                     .type = static_cast<uint8_t>(FrameType::kStatus),
                     .argument = StatusCodeToWire(status.code())};
  OutgoingFrames frames;
  std::optional<Pieces> pieces;
  if (reply != nullptr) pieces.emplace(*reply, std::move(descriptors));
  // Headers are in the first frame of a call.
  const bool pieces_before = pieces.has_value() && pieces->count() > 1;
  if (pieces_before && !headers.empty()) {
    frames.push_back(BuildHeaders(call_id, headers));
  }
  std::string sections;
  if (!status.ok()) {
    end.flags |= kFlagDetails;
    AppendStatusDetails(status, sections);
  }
  if (!trailers.empty()) {
    end.flags |= kFlagTrailers;
    AppendMetadataBlock(trailers, sections);
  }
  if (!headers.empty() && !pieces_before) {
    end.flags |= kFlagMetadata;
    AppendMetadataBlock(headers, sections);
  }
  if (!pieces.has_value()) {
    frames.push_back(NewFrame(end, sections));
    return frames;
  }
  end.flags |= kFlagMessage;
  for (size_t i = 0; i + 1 < pieces->count(); ++i) {
    pieces->Fill(frames.emplace_back(), i,
                 {.call_id = call_id,
                  .type = static_cast<uint8_t>(FrameType::kMessage),
                  .flags = kFlagMessage | kFlagMore},
                 "");
  }
  pieces->Fill(frames.emplace_back(), pieces->count() - 1, end, sections);
  return frames;
}

OutgoingFrame BuildHello(const Hello& hello) {
  char bytes[kHelloBytes];
  EncodeHello(hello, bytes);
  return NewFrame({.type = static_cast<uint8_t>(FrameType::kHello)},
                  {bytes, kHelloBytes});
}

OutgoingFrame BuildMethod(uint32_t method_id, std::string_view full_name) {
  return NewFrame(
      {.type = static_cast<uint8_t>(FrameType::kMethod), .argument = method_id},
      full_name);
}

OutgoingFrame BuildOffer() {
  return NewFrame({.type = static_cast<uint8_t>(FrameType::kOffer)});
}

OutgoingFrame BuildOffer(UniqueFd socket) {
  OutgoingFrame frame = NewFrame(
      {.type = static_cast<uint8_t>(FrameType::kOffer), .descriptor_count = 1});
  frame.Attach().descriptors.push_back(std::move(socket));
  return frame;
}

OutgoingFrame BuildGoAway(uint32_t last_call_id, std::string_view why) {
  return NewFrame({.type = static_cast<uint8_t>(FrameType::kGoAway),
                   .argument = last_call_id},
                  CutText(why, kMaxReasonBytes));
}

OutgoingFrame BuildControl(FrameType type, uint32_t call_id,
                           uint32_t argument) {
  return NewFrame({.call_id = call_id,
                   .type = static_cast<uint8_t>(type),
                   .argument = argument});
}

}  // namespace fdrpc
