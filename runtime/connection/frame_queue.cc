#include "connection/frame_queue.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <utility>

namespace fdrpc {
namespace {

// Sizes of blocks for small frames.
constexpr size_t kLeastBlockBytes = 512;
constexpr size_t kMostBlockBytes = 16u << 10;
// An empty queue keeps room for this many frames and blocks.
constexpr size_t kKept = 8;
// Small frames that wait behind a large message share a turn of this size.
constexpr size_t kTurnBytes = 64u << 10;

bool IsOpen(const OutgoingFrame& frame) {
  return DecodeFrameHeader(frame.head.data()).type ==
         static_cast<uint8_t>(FrameType::kOpen);
}

}  // namespace

void FrameQueue::Push(OutgoingFrame&& frame, bool of_large) {
  const bool waits = of_large
                         ? turns_ > 0 && !IsOpen(frame)
                         : !waiting_.empty() && HasWaitingOf(frame.call_id);
  if (waits) {
    waiting_.push_back({std::move(frame), of_large});
  } else {
    AddToLine(std::move(frame), of_large, /*has_turn=*/of_large);
  }
}

bool FrameQueue::HasWaitingOf(uint32_t call_id) const {
  return std::any_of(
      waiting_.begin(), waiting_.end(),
      [=](const WaitingFrame& each) { return each.frame.call_id == call_id; });
}

void FrameQueue::AddToLine(OutgoingFrame&& frame, bool of_large,
                           bool has_turn) {
  std::string_view head;
  if (frame.head.size() <= kMostBareBytes) {
    head = Append(frame.head);
  } else {
    head = frame.Attach().head = std::move(frame.head);
  }
  line_.push_back({.head = head,
                   .attached = std::move(frame.attached),
                   .call_id = frame.call_id,
                   .tells_when_sent = frame.tells_when_sent,
                   .of_large = of_large,
                   .has_turn = has_turn});
  if (has_turn) ++turns_;
}

void FrameQueue::GiveTurn() {
  size_t bytes = 0;
  while (!waiting_.empty() && bytes < kTurnBytes) {
    WaitingFrame next = waiting_.pop_front();
    bytes += next.frame.bytes();
    AddToLine(std::move(next.frame), next.of_large, /*has_turn=*/true);
  }
  if (waiting_.empty()) waiting_.Shrink();
}

void FrameQueue::PushCopy(const OutgoingFrame& bare) {
  assert(bare.attached == nullptr && bare.head.size() <= kMostBareBytes);
  line_.push_back({.head = Append(bare.head),
                   .attached = nullptr,
                   .call_id = bare.call_id,
                   .tells_when_sent = bare.tells_when_sent,
                   .of_large = false,
                   .has_turn = false});
}

std::string_view FrameQueue::Append(std::string_view head) {
  if (blocks_.empty() ||
      blocks_.back().bytes.capacity() - blocks_.back().bytes.size() <
          head.size()) {
    blocks_.push_back({});
    blocks_.back().bytes.reserve(
        std::clamp(std::max({expected_bytes_, pushed_bytes_, head.size()}),
                   kLeastBlockBytes, kMostBlockBytes));
  }
  pushed_bytes_ += head.size();
  Block& block = blocks_.back();
  const size_t offset = block.bytes.size();
  block.bytes += head;
  ++block.frames;
  return std::string_view(block.bytes).substr(offset);
}

FrameQueue::QueuedFrame FrameQueue::AtWaiting(size_t index) const {
  const WaitingFrame& waiting = waiting_[index];
  const OutgoingFrame& frame = waiting.frame;
  return {.frame = {.head = frame.head, .attached = frame.attached.get()},
          .call_id = frame.call_id,
          .tells_when_sent = frame.tells_when_sent,
          .of_large = waiting.of_large};
}

std::unique_ptr<FrameAttachment> FrameQueue::Pop() {
  assert(!empty());
  return Remove(0).attached;
}

OutgoingFrame FrameQueue::Take(size_t index) {
  assert(index < size());
  if (index >= in_line()) {
    return waiting_.Take(index - in_line()).frame;
  }
  const std::string_view head = line_[index].head;
  std::string copied;
  if (head.size() <= kMostBareBytes) copied = std::string(head);
  Entry entry = Remove(index);
  OutgoingFrame frame = {.head = std::move(copied),
                         .attached = std::move(entry.attached),
                         .call_id = entry.call_id,
                         .tells_when_sent = entry.tells_when_sent};
  if (frame.head.empty()) frame.head = std::move(frame.attached->head);
  return frame;
}

FrameQueue::Entry FrameQueue::Remove(size_t index) {
  Entry entry = line_.Take(index);
  if (entry.head.size() <= kMostBareBytes) Free(entry.head);
  if (entry.has_turn) --turns_;
  if (line_.empty()) {
    line_.Shrink(kKept);
    if (blocks_.capacity() > kKept) std::vector<Block>().swap(blocks_);
    expected_bytes_ = std::exchange(pushed_bytes_, 0);
  }
  if (turns_ == 0 && !waiting_.empty()) GiveTurn();
  return entry;
}

void FrameQueue::Release() {
  assert(empty());
  line_.Shrink();
  waiting_.Shrink();
  std::vector<Block>().swap(blocks_);
}

void FrameQueue::Free(std::string_view head) {
  // Nearly always the first one.
  const auto block = std::find_if(
      blocks_.begin(), blocks_.end(), [head](const Block& candidate) {
        const char* const begin = candidate.bytes.data();
        return !std::less<>()(head.data(), begin) &&
               std::less<>()(head.data(), begin + candidate.bytes.size());
      });
  assert(block != blocks_.end() && block->frames > 0);
  if (--block->frames > 0) return;
  if (blocks_.size() == 1 && block->bytes.capacity() <= kLeastBlockBytes) {
    block->bytes.clear();
  } else {
    blocks_.erase(block);
  }
}

}  // namespace fdrpc
