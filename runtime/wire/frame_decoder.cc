#include "wire/frame_decoder.h"

#include <algorithm>
#include <cstring>

#include "wire/limits.h"

namespace fdrpc {
namespace {

constexpr size_t kInitialCapacity = 16u << 10;
constexpr size_t kLeastSpace = 4u << 10;
constexpr size_t kMostCapacity =
    kFrameHeaderBytes + kMaxFramePayloadBytes + kLeastSpace;

}  // namespace

absl::Span<char> FrameDecoder::Space() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (capacity_ - end_ < kLeastSpace) {
    const size_t held = end_ - begin_;
    if (held + kLeastSpace <= capacity_ / 2) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    } else {
      const size_t capacity =
          std::max(kInitialCapacity, std::min(kMostCapacity, capacity_ * 2));
      auto larger = std::make_unique_for_overwrite<char[]>(capacity);
      if (held > 0) {
        std::memcpy(larger.get(), buffer_.get() + begin_, held);
      }
      buffer_ = std::move(larger);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = held;
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

void FrameDecoder::Received(size_t bytes) { end_ += bytes; }

FrameDecoder::Result FrameDecoder::Next(Frame& frame) {
  const size_t held = end_ - begin_;
  if (held < kFrameHeaderBytes) return Result::kIncomplete;
  const char* from = buffer_.get() + begin_;
  frame.header = DecodeFrameHeader(from);
  if (frame.header.payload_bytes > kMaxFramePayloadBytes ||
      frame.header.descriptor_count > kMaxFrameDescriptors) {
    return Result::kTooLarge;
  }
  const size_t bytes = kFrameHeaderBytes + frame.header.payload_bytes;
  if (held < bytes) return Result::kIncomplete;
  frame.payload = {from + kFrameHeaderBytes, frame.header.payload_bytes};
  frame.start = offset_;
  begin_ += bytes;
  offset_ += bytes;
  return Result::kFrame;
}

void FrameDecoder::ReleaseIfEmpty() {
  if (begin_ != end_) return;
  buffer_.reset();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace fdrpc
