#ifndef FDRPC_WIRE_FRAME_DECODER_H_
#define FDRPC_WIRE_FRAME_DECODER_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/types/span.h"
#include "base/payload_buffer.h"
#include "wire/frame_header.h"

namespace fdrpc {

// Cuts a stream of bytes into frames. Owns the memory into which the bytes are
// received: one buffer for small frames, which can be freed while it is empty,
// and for each large payload a buffer of its own, which moves to the frame.
// Memory grows with what has arrived and not with what a header announces,
// except that a kept buffer may be used. Does no I/O:
//
//   FrameDecoder::Space space = decoder.NextSpace();
//   decoder.Received(recv(…, space.first, space.second));
//   while (decoder.Next(frame) == kFrame) …
class FrameDecoder {
 public:
  // A payload of this size or more has a buffer of its own, unless it has
  // arrived completely before one is made.
  static constexpr size_t kOwnBufferBytes = 32u << 10;

  // Makes a buffer of at least `least` bytes, or of `most` bytes if one is
  // kept.
  using Allocate = PayloadBuffer (*)(size_t least, size_t most);
  explicit FrameDecoder(Allocate allocate) : allocate_(allocate) {}

  struct Frame {
    FrameHeader header;
    std::string_view payload;  // borrowed until the next NextSpace()
    PayloadBuffer buffer;      // owns the payload, if not empty
    uint64_t start = 0;        // offset of the first byte in the stream
  };
  enum class Result { kFrame, kIncomplete, kTooLarge };

  // The memory for the next bytes, at least a page in all. `second`, which may
  // be empty, continues `first`.
  struct Space {
    absl::Span<char> first;
    absl::Span<char> second;
    size_t size() const { return first.size() + second.size(); }
  };
  Space NextSpace();
  // The first `bytes` of NextSpace() were filled.
  void Received(size_t bytes);

  // Takes the next frame. kTooLarge: its payload or its descriptors exceed the
  // protocol's limits, and the stream cannot be read any further.
  Result Next(Frame& frame);

  // Frees the buffer of small frames if it is empty.
  void ReleaseIfEmpty();

  // Offsets in the stream: the end of what was received, and the start of the
  // first frame that was not taken.
  uint64_t end_offset() const {
    return offset_ + (in_payload_ ? kFrameHeaderBytes + arrived_ : 0) +
           (end_ - begin_);
  }
  uint64_t next_offset() const { return offset_; }

 private:
  absl::Span<char> SmallSpace();
  // Starts a buffer for the payload of `header_`, with the part that has
  // arrived in the small buffer.
  void BeginPayload();
  void GrowPayload();

  const Allocate allocate_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;  // of what is not taken yet
  size_t end_ = 0;
  uint64_t offset_ = 0;  // its offset in the stream

  // A large payload is arriving. Until it is complete, buffer_ is empty.
  bool in_payload_ = false;
  FrameHeader header_;
  PayloadBuffer payload_;
  size_t arrived_ = 0;  // bytes of it
};

}  // namespace fdrpc

#endif  // FDRPC_WIRE_FRAME_DECODER_H_
