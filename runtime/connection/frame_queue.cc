#include "connection/frame_queue.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace fdrpc {
namespace {

// Of blocks for small frames.
constexpr size_t kLeastBlockBytes = 512;
constexpr size_t kMostBlockBytes = 16u << 10;
// Room for so many frames and blocks is kept when the queue is empty.
constexpr size_t kKept = 8;

}  // namespace

void FrameQueue::Push(OutgoingFrame frame) {
  std::string_view head;
  if (frame.head.size() <= kMostBareBytes) {
    head = Append(frame.head);
  } else {
    head = frame.Attach().head = std::move(frame.head);
  }
  entries_.push_back({.head = head,
                      .attached = std::move(frame.attached),
                      .call_id = frame.call_id,
                      .tells_when_sent = frame.tells_when_sent});
}

void FrameQueue::PushCopy(const OutgoingFrame& bare) {
  entries_.push_back({.head = Append(bare.head),
                      .attached = nullptr,
                      .call_id = bare.call_id,
                      .tells_when_sent = bare.tells_when_sent});
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

FrameQueue::Queued FrameQueue::at(size_t index) const {
  const Entry& entry = entries_[first_ + index];
  return {.frame = {.head = entry.head, .attached = entry.attached.get()},
          .call_id = entry.call_id,
          .tells_when_sent = entry.tells_when_sent};
}

std::unique_ptr<FrameAttachment> FrameQueue::Pop() {
  std::unique_ptr<FrameAttachment> attached =
      std::move(entries_[first_].attached);
  Remove(0);
  return attached;
}

OutgoingFrame FrameQueue::Take(size_t index) {
  Entry& entry = entries_[first_ + index];
  OutgoingFrame frame = {.head = {},
                         .attached = std::move(entry.attached),
                         .call_id = entry.call_id,
                         .tells_when_sent = entry.tells_when_sent};
  if (entry.head.size() <= kMostBareBytes) {
    frame.head = std::string(entry.head);
  } else {
    frame.head = std::move(frame.attached->head);
  }
  Remove(index);
  return frame;
}

void FrameQueue::Remove(size_t index) {
  const std::string_view head = entries_[first_ + index].head;
  if (head.size() <= kMostBareBytes) LetGo(head);
  if (index == 0) {
    ++first_;
  } else {
    entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(first_ + index));
  }
  if (first_ == entries_.size()) {
    entries_.clear();
    if (entries_.capacity() > kKept) std::vector<Entry>().swap(entries_);
    if (blocks_.capacity() > kKept) std::vector<Block>().swap(blocks_);
    first_ = 0;
    expected_bytes_ = std::exchange(pushed_bytes_, 0);
  } else if (first_ > entries_.size() / 2) {
    entries_.erase(entries_.begin(),
                   entries_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

void FrameQueue::Release() {
  std::vector<Entry>().swap(entries_);
  std::vector<Block>().swap(blocks_);
}

void FrameQueue::LetGo(std::string_view head) {
  // Nearly always the first.
  const auto block = std::find_if(
      blocks_.begin(), blocks_.end(), [head](const Block& candidate) {
        const char* const begin = candidate.bytes.data();
        return !std::less<>()(head.data(), begin) &&
               std::less<>()(head.data(), begin + candidate.bytes.size());
      });
  if (--block->frames > 0) return;
  if (blocks_.size() == 1 && block->bytes.capacity() <= kLeastBlockBytes) {
    block->bytes.clear();
  } else {
    blocks_.erase(block);
  }
}

}  // namespace fdrpc
