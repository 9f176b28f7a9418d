#include "connection/frame_builder.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "os/payload_memory.h"
#include "wire/limits.h"
#include "wire/little_endian.h"
#include "wire/metadata_block.h"
#include "wire/status_header.h"

namespace fdrpc {
namespace {

// Up to here a message is serialised right behind the header.
constexpr size_t kMaxInlineBytes = 8u << 10;

OutgoingFrame NewFrame(const FrameHeader& header) {
  OutgoingFrame frame;
  frame.head.resize(kFrameHeaderBytes);
  EncodeFrameHeader(header, frame.head.data());
  frame.call_id = header.call_id;
  return frame;
}

size_t PieceCount(size_t bytes, size_t descriptors) {
  const size_t by_bytes = (bytes + kMaxPieceBytes - 1) / kMaxPieceBytes;
  const size_t by_descriptors =
      (descriptors + kMaxSentFrameDescriptors - 1) / kMaxSentFrameDescriptors;
  return std::max({size_t{1}, by_bytes, by_descriptors});
}

using Bodies = std::vector<std::shared_ptr<const PayloadBuffer>>;

// Takes a message of `bytes` bytes into a buffer for each piece.
class PieceStream final : public google::protobuf::io::ZeroCopyOutputStream {
 public:
  explicit PieceStream(size_t bytes) : left_(bytes) {}

  bool Next(void** data, int* size) override {
    last_ = std::min<size_t>(kMaxPieceBytes, left_);
    if (last_ == 0) return false;
    // The end of a piece that was backed up over is given again.
    if (backed_up_ > 0) {
      last_ = std::exchange(backed_up_, 0);
    } else {
      bodies_.push_back(
          std::make_shared<const PayloadBuffer>(NewPayload(last_, last_)));
      used_ = 0;
    }
    *data = bodies_.back()->data() + used_;
    *size = static_cast<int>(last_);
    used_ += last_;
    left_ -= last_;
    return true;
  }
  void BackUp(int count) override {
    backed_up_ = static_cast<size_t>(count);
    used_ -= backed_up_;
    left_ += backed_up_;
  }
  int64_t ByteCount() const override { return 0; }

  Bodies Take() { return std::move(bodies_); }

 private:
  Bodies bodies_;
  size_t left_;
  size_t used_ = 0;  // of the last piece
  size_t last_ = 0;
  size_t backed_up_ = 0;
};

// Serialises a message, whose size has been computed, into a buffer a piece.
Bodies SerialisePieces(const google::protobuf::MessageLite& message,
                       size_t bytes) {
  Bodies bodies;
  if (bytes <= kMaxPieceBytes) {
    PayloadBuffer only = NewPayload(bytes, bytes);
    message.SerializeWithCachedSizesToArray(
        reinterpret_cast<uint8_t*>(only.data()));
    bodies.push_back(std::make_shared<const PayloadBuffer>(std::move(only)));
    return bodies;
  }
  PieceStream stream(bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  message.SerializeWithCachedSizes(&coded);
  coded.Trim();
  return stream.Take();
}

// A message cut into pieces, one a frame.
class Pieces {
 public:
  Pieces(const google::protobuf::MessageLite& message,
         DescriptorSet descriptors)
      : message_(message),
        bytes_(message.ByteSizeLong()),
        descriptors_(std::move(descriptors)),
        count_(PieceCount(bytes_, descriptors_.size())) {
    if (count_ == 1 && bytes_ <= kMaxInlineBytes) return;
    bodies_ = SerialisePieces(message_, bytes_);
  }

  size_t count() const { return count_; }

  // Makes the frame of piece `index`; `sections` goes before the message.
  OutgoingFrame Frame(size_t index, FrameHeader header,
                      std::string_view sections) {
    const size_t first_fd =
        std::min(index * kMaxSentFrameDescriptors, descriptors_.size());
    const size_t end_fd =
        std::min(first_fd + kMaxSentFrameDescriptors, descriptors_.size());
    const size_t offset = std::min(index * kMaxPieceBytes, bytes_);
    const size_t bytes = std::min<size_t>(kMaxPieceBytes, bytes_ - offset);
    header.payload_bytes = static_cast<uint32_t>(sections.size() + bytes);
    header.descriptor_count = static_cast<uint16_t>(end_fd - first_fd);

    OutgoingFrame frame;
    frame.call_id = header.call_id;
    const size_t before = kFrameHeaderBytes + sections.size();
    frame.head.resize(before + (bodies_.empty() ? bytes : 0));
    EncodeFrameHeader(header, frame.head.data());
    sections.copy(frame.head.data() + kFrameHeaderBytes, sections.size());
    if (bodies_.empty()) {
      message_.SerializeWithCachedSizesToArray(
          reinterpret_cast<uint8_t*>(frame.head.data() + before));
    } else if (bytes > 0) {
      frame.body = std::move(bodies_[index]);
      frame.body_bytes = bytes;
    }
    for (size_t i = first_fd; i < end_fd; ++i) {
      frame.descriptors.push_back(std::move(descriptors_[i]));
    }
    return frame;
  }

 private:
  const google::protobuf::MessageLite& message_;
  const size_t bytes_;
  DescriptorSet descriptors_;
  const size_t count_;
  Bodies bodies_;  // none: serialised into the only frame
};

// The frames of a message: the first with `first` for its header and the
// sections before the message, the others message frames; the last one has
// `last_flags`, those before it the flag "more".
OutgoingFrames BuildPieces(const FrameHeader& first, std::string_view sections,
                           const google::protobuf::MessageLite& message,
                           DescriptorSet descriptors, uint8_t last_flags) {
  Pieces pieces(message, std::move(descriptors));
  OutgoingFrames frames;
  for (size_t i = 0; i < pieces.count(); ++i) {
    FrameHeader header =
        i == 0 ? first
               : FrameHeader{.call_id = first.call_id,
                             .type = static_cast<uint8_t>(FrameType::kMessage),
                             .flags = kFlagMessage};
    header.flags |= i + 1 < pieces.count() ? kFlagMore : last_flags;
    frames.push_back(pieces.Frame(i, header, i == 0 ? sections : ""));
  }
  return frames;
}

}  // namespace

absl::Status CheckSendable(const google::protobuf::MessageLite& message,
                           size_t descriptors, size_t max_bytes,
                           size_t max_descriptors) {
  if (!message.IsInitialized()) {
    return absl::InvalidArgumentError(absl::StrCat(
        std::string(message.GetTypeName()),
        " lacks required fields: ", message.InitializationErrorString()));
  }
  const size_t bytes = message.ByteSizeLong();
  // Protocol Buffers themselves end at 2 GiB.
  max_bytes = std::min<size_t>(max_bytes, std::numeric_limits<int32_t>::max());
  if (bytes > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(std::string(message.GetTypeName()), " of ", bytes,
                     " bytes exceeds the peer's limit of ", max_bytes));
  }
  if (descriptors > max_descriptors) {
    return absl::ResourceExhaustedError(absl::StrCat(
        std::string(message.GetTypeName()), " with ", descriptors,
        " descriptors exceeds the peer's limit of ", max_descriptors));
  }
  return absl::OkStatus();
}

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
  if (request == nullptr) {
    OutgoingFrames frames;
    open.payload_bytes = static_cast<uint32_t>(sections.size());
    frames.push_back(NewFrame(open));
    frames.back().head += sections;
    return frames;
  }
  open.flags |= kFlagMessage;
  return BuildPieces(open, sections, *request, std::move(descriptors),
                     kFlagHalfClose);
}

void MakeOneWay(OutgoingFrames& frames) {
  AddFlags(frames.front(), kFlagOneWay);
  frames.back().tells_when_sent = true;
}

OutgoingFrames BuildMessage(uint32_t call_id,
                            const google::protobuf::MessageLite& message,
                            DescriptorSet descriptors, bool half_close) {
  return BuildPieces({.call_id = call_id,
                      .type = static_cast<uint8_t>(FrameType::kMessage),
                      .flags = kFlagMessage},
                     "", message, std::move(descriptors),
                     half_close ? kFlagHalfClose : uint8_t{0});
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
  std::string sized_block;
  AppendMetadataBlock(headers, sized_block);
  // The block is the whole payload, without its length.
  const std::string_view block =
      std::string_view(sized_block).substr(sizeof(uint32_t));
  OutgoingFrame frame =
      NewFrame({.payload_bytes = static_cast<uint32_t>(block.size()),
                .call_id = call_id,
                .type = static_cast<uint8_t>(FrameType::kHeaders),
                .flags = kFlagMetadata});
  frame.head += block;
  return frame;
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
  // The timeout, which is different now, is a part of the payload.
  frames.front().sealed.Reset();
  std::string& open = frames.front().head;
  StoreLittleEndian(open.data() + kArgumentOffset, method_id);
  if ((DecodeFrameHeader(open.data()).flags & kFlagTimeout) != 0) {
    // The timeout is the first section. At least a nanosecond: zero would read
    // as a call whose time is up already, which the caller finds out itself.
    const int64_t ns = std::max<int64_t>(1, absl::ToInt64Nanoseconds(timeout));
    StoreLittleEndian(open.data() + kFrameHeaderBytes,
                      static_cast<uint64_t>(ns));
  }
}

OutgoingFrames BuildStatus(uint32_t call_id, const absl::Status& status,
                           const Metadata& headers, const Metadata& trailers,
                           const google::protobuf::MessageLite* reply,
                           DescriptorSet descriptors) {
  FrameHeader end = {.call_id = call_id,
                     .type = static_cast<uint8_t>(FrameType::kStatus),
                     .argument = StatusCodeToWire(status.code())};
  std::string sections;
  if (!status.ok()) {
    end.flags |= kFlagDetails;
    AppendStatusDetails(status, sections);
  }
  if (!trailers.empty()) {
    end.flags |= kFlagTrailers;
    AppendMetadataBlock(trailers, sections);
  }
  if (!headers.empty()) {
    end.flags |= kFlagMetadata;
    AppendMetadataBlock(headers, sections);
  }
  OutgoingFrames frames;
  if (reply == nullptr) {
    end.payload_bytes = static_cast<uint32_t>(sections.size());
    frames.push_back(NewFrame(end));
    frames.back().head += sections;
    return frames;
  }
  end.flags |= kFlagMessage;
  Pieces pieces(*reply, std::move(descriptors));
  for (size_t i = 0; i + 1 < pieces.count(); ++i) {
    frames.push_back(
        pieces.Frame(i,
                     {.call_id = call_id,
                      .type = static_cast<uint8_t>(FrameType::kMessage),
                      .flags = kFlagMessage | kFlagMore},
                     ""));
  }
  frames.push_back(pieces.Frame(pieces.count() - 1, end, sections));
  return frames;
}

OutgoingFrame BuildHello(const Hello& hello) {
  OutgoingFrame frame =
      NewFrame({.payload_bytes = kHelloBytes,
                .type = static_cast<uint8_t>(FrameType::kHello)});
  frame.head.resize(kFrameHeaderBytes + kHelloBytes);
  EncodeHello(hello, frame.head.data() + kFrameHeaderBytes);
  return frame;
}

OutgoingFrame BuildMethod(uint32_t method_id, std::string_view full_name) {
  OutgoingFrame frame =
      NewFrame({.payload_bytes = static_cast<uint32_t>(full_name.size()),
                .type = static_cast<uint8_t>(FrameType::kMethod),
                .argument = method_id});
  frame.head += full_name;
  return frame;
}

OutgoingFrame BuildGoAway(uint32_t last_call_id, std::string_view why) {
  why = why.substr(0, kMaxReasonBytes);
  OutgoingFrame frame =
      NewFrame({.payload_bytes = static_cast<uint32_t>(why.size()),
                .type = static_cast<uint8_t>(FrameType::kGoAway),
                .argument = last_call_id});
  frame.head += why;
  return frame;
}

OutgoingFrame BuildControl(FrameType type, uint32_t call_id,
                           uint32_t argument) {
  return NewFrame({.call_id = call_id,
                   .type = static_cast<uint8_t>(type),
                   .argument = argument});
}

}  // namespace fdrpc
