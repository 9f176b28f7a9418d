#ifndef FDRPC_WIRE_FRAME_DECODER_H_
#define FDRPC_WIRE_FRAME_DECODER_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "wire/frame_header.h"

namespace fdrpc {

// Cuts a stream of bytes into frames. Owns the buffer that the bytes are
// received into, which grows with what has arrived, never with what a header
// announces, and is given back when it is empty.
//
//   Span<char> space = decoder.Space();
//   decoder.Received(recv(…, space.data(), space.size()));
//   while (decoder.Next(frame) == kFrame) …
class FrameDecoder {
 public:
  struct Frame {
    FrameHeader header;
    std::string_view payload;  // borrowed until the next call of Space()
    uint64_t start = 0;        // offset in the stream of the first byte
  };
  enum class Result { kFrame, kIncomplete, kTooLarge };

  // Where the next bytes go; at least a page.
  absl::Span<char> Space();
  // Says that the first `bytes` of Space() were filled.
  void Received(size_t bytes);

  // Takes the next frame. kTooLarge: its payload or its descriptors exceed the
  // protocol's limits; the stream cannot be read any further.
  Result Next(Frame& frame);

  // Gives the buffer back if it holds nothing.
  void ReleaseIfEmpty();

  // Offsets in the stream: behind the last byte received, and of the first that
  // is not part of a frame taken.
  uint64_t end_offset() const { return offset_ + (end_ - begin_); }
  uint64_t next_offset() const { return offset_; }

 private:
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0;  // of what is not taken yet
  size_t end_ = 0;
  uint64_t offset_ = 0;  // in the stream, of begin_
};

}  // namespace fdrpc

#endif  // FDRPC_WIRE_FRAME_DECODER_H_
