#include "wire/frame_decoder.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "wire/frame_rules.h"

namespace fdrpc {
namespace {

constexpr size_t kInitialCapacity = 16u << 10;
constexpr size_t kLeastSpace = 4u << 10;
constexpr size_t kMostCapacity =
    kFrameHeaderBytes + FrameDecoder::kOwnBufferBytes + kLeastSpace;
// The buffer of a payload is at most this many times as large as the part that
// has arrived. A larger factor means less copying when the buffer grows.
constexpr size_t kMostGrowth = 4;

}  // namespace

FrameDecoder::Space FrameDecoder::NextSpace() {
  if (!in_payload_) return {SmallSpace(), {}};
  if (payload_.capacity() < header_.payload_bytes &&
      payload_.capacity() - arrived_ < kLeastSpace) {
    GrowPayload();
  }
  const size_t room =
      std::min<size_t>(payload_.capacity(), header_.payload_bytes) - arrived_;
  Space space = {{payload_.data() + arrived_, room}, {}};
  // Then the bytes after the payload need no system call of their own.
  if (arrived_ + room == header_.payload_bytes) space.second = SmallSpace();
  return space;
}

absl::Span<char> FrameDecoder::SmallSpace() {
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

void FrameDecoder::Received(size_t bytes) {
  if (in_payload_) {
    const size_t of_payload =
        std::min<size_t>(bytes, header_.payload_bytes - arrived_);
    arrived_ += of_payload;
    bytes -= of_payload;
  }
  end_ += bytes;
  assert(end_ <= capacity_);
}

void FrameDecoder::BeginPayload() {
  const size_t held = end_ - begin_ - kFrameHeaderBytes;
  in_payload_ = true;
  arrived_ = 0;
  payload_ =
      allocate_(std::min<size_t>(std::max(kInitialCapacity, kMostGrowth * held),
                                 header_.payload_bytes),
                header_.payload_bytes);
  if (held > 0) {
    std::memcpy(payload_.data(), buffer_.get() + begin_ + kFrameHeaderBytes,
                held);
  }
  arrived_ = held;
  begin_ = end_ = 0;
}

void FrameDecoder::GrowPayload() {
  PayloadBuffer larger =
      allocate_(std::min<size_t>(kMostGrowth * arrived_, header_.payload_bytes),
                header_.payload_bytes);
  std::memcpy(larger.data(), payload_.data(), arrived_);
  payload_ = std::move(larger);
}

FrameDecoder::Result FrameDecoder::Next(Frame& frame) {
  if (!in_payload_) {
    const size_t held = end_ - begin_;
    if (held < kFrameHeaderBytes) return Result::kIncomplete;
    const char* from = buffer_.get() + begin_;
    frame.header = DecodeFrameHeader(from);
    if (!FitsLimits(frame.header)) return Result::kTooLarge;
    const size_t bytes = kFrameHeaderBytes + frame.header.payload_bytes;
    if (held >= bytes) {
      frame.payload = {from + kFrameHeaderBytes, frame.header.payload_bytes};
      frame.buffer.Reset();
      frame.start = offset_;
      begin_ += bytes;
      offset_ += bytes;
      return Result::kFrame;
    }
    if (frame.header.payload_bytes < kOwnBufferBytes) {
      return Result::kIncomplete;
    }
    header_ = frame.header;
    BeginPayload();
  }
  if (arrived_ < header_.payload_bytes) return Result::kIncomplete;
  in_payload_ = false;
  frame.header = header_;
  frame.payload = {payload_.data(), arrived_};
  frame.buffer = std::move(payload_);
  frame.start = offset_;
  offset_ += kFrameHeaderBytes + arrived_;
  return Result::kFrame;
}

void FrameDecoder::ReleaseIfEmpty() {
  if (begin_ != end_) return;
  buffer_.reset();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace fdrpc
