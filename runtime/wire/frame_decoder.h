#ifndef FDRPC_WIRE_FRAME_DECODER_H_
#define FDRPC_WIRE_FRAME_DECODER_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/types/span.h"
#include "base/payload_buffer.h"
#include "wire/frame_header.h"

namespace fdrpc {

// Cuts a stream of bytes into frames. Owns the memory that the bytes are
// received into: a buffer for all that is small, which is given back when it is
// empty, and for a large payload one of its own, which goes with the frame.
// Memory grows with what has arrived, never with what a header announces, but
// that a buffer may be used which is kept anyway.
//
//   FrameDecoder::Space space = decoder.NextSpace();
//   decoder.Received(recv(…, space.first, space.second));
//   while (decoder.Next(frame) == kFrame) …
class FrameDecoder {
 public:
  // Payloads from here on have a buffer of their own, unless they are there as
  // a whole before one is made.
  static constexpr size_t kOwnBufferBytes = 32u << 10;

  // Makes a buffer of at least `least` bytes, or of `most` if one is kept.
  using Allocate = PayloadBuffer (*)(size_t least, size_t most);
  explicit FrameDecoder(Allocate allocate) : allocate_(allocate) {}

  struct Frame {
    FrameHeader header;
    std::string_view payload;  // borrowed until the next call of NextSpace()
    PayloadBuffer buffer;      // or in here
    uint64_t start = 0;        // offset in the stream of the first byte
  };
  enum class Result { kFrame, kIncomplete, kTooLarge };

  // Where the next bytes go, at least a page in all; `second`, which may be
  // empty, what `first` has no room for.
  struct Space {
    absl::Span<char> first;
    absl::Span<char> second;
    size_t size() const { return first.size() + second.size(); }
  };
  Space NextSpace();
  // Says that the first `bytes` of NextSpace() were filled.
  void Received(size_t bytes);

  // Takes the next frame. kTooLarge: its payload or its descriptors exceed the
  // protocol's limits; the stream cannot be read any further.
  Result Next(Frame& frame);

  // Gives the buffer of small frames back if it holds nothing.
  void ReleaseIfEmpty();

  // Offsets in the stream: behind the last byte received, and of the first that
  // is not part of a frame taken.
  uint64_t end_offset() const {
    return offset_ + (in_payload_ ? kFrameHeaderBytes + arrived_ : 0) +
           (end_ - begin_);
  }
  uint64_t next_offset() const { return offset_; }

 private:
  absl::Span<char> SmallSpace();
  // Begins a buffer for the payload of `header_`, of which the small one holds
  // what has arrived.
  void BeginPayload();
  void GrowPayload();

  const Allocate allocate_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;  // of what is not taken yet
  size_t end_ = 0;
  uint64_t offset_ = 0;  // in the stream, of what is not taken yet

  // A large payload is arriving; until it is complete, nothing is in buffer_.
  bool in_payload_ = false;
  FrameHeader header_;
  PayloadBuffer payload_;
  size_t arrived_ = 0;  // of it
};

}  // namespace fdrpc

#endif  // FDRPC_WIRE_FRAME_DECODER_H_
