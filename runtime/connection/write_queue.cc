#include "connection/write_queue.h"

#include <algorithm>
#include <utility>

#include "wire/frame_header.h"

namespace fdrpc {
namespace {

constexpr size_t kMostFramesPerBatch = 256;

}  // namespace

void WriteQueue::Push(OutgoingFrame&& frame, bool of_large) {
  room_.Count(frame, of_large);
  frames_.Push(std::move(frame), of_large);
}

void WriteQueue::PushCopy(const OutgoingFrame& bare) {
  room_.Count(bare);
  frames_.PushCopy(bare);
}

absl::InlinedVector<FrameToSend, 8> WriteQueue::Batch() const {
  absl::InlinedVector<FrameToSend, 8> batch;
  const size_t count = std::min(frames_.in_line(), kMostFramesPerBatch);
  for (size_t i = 0; i < count; ++i) batch.push_back(frames_.at(i).frame);
  return batch;
}

void WriteQueue::OnSent(size_t count, bool next_partly_sent, Removed& removed) {
  for (size_t i = 0; i < count; ++i) {
    const FrameQueue::QueuedFrame first = frames_.at(0);
    room_.Discount(first);
    if (first.tells_when_sent) removed.sent.push_back(first.call_id);
    auto attached = frames_.Pop();
    if (attached != nullptr) removed.attached.push_back(std::move(attached));
  }
  first_partly_sent_ = next_partly_sent;
}

OutgoingFrame WriteQueue::Take(size_t index) {
  room_.Discount(frames_.at(index));
  return frames_.Take(index);
}

void WriteQueue::DropCall(uint32_t call_id, Removed& removed) {
  for (size_t i = 0; i < frames_.size();) {
    if (frames_.at(i).call_id == call_id) {
      removed.attached.push_back(Take(i).attached);
    } else {
      ++i;
    }
  }
}

void WriteQueue::Drain(const absl::Status& why, Removed& removed) {
  if (!frames_.empty() && first_partly_sent_) {
    removed.attached.push_back(Take(0).attached);
  }
  first_partly_sent_ = false;
  while (!frames_.empty()) {
    OutgoingFrame frame = Take(0);
    if (frame.call_id == 0) continue;
    removed.unsent.push_back({std::move(frame), why});
  }
}

std::vector<OutgoingFrame> WriteQueue::Withdraw(uint32_t call_id,
                                                bool& unseen) {
  std::vector<OutgoingFrame> withdrawn;
  unseen = false;
  for (size_t i = first_partly_sent_ ? 1 : 0; i < frames_.size();) {
    const FrameQueue::QueuedFrame queued = frames_.at(i);
    if (queued.call_id != call_id) {
      ++i;
      continue;
    }
    const FrameHeader header = DecodeFrameHeader(queued.frame.head.data());
    if (header.type == static_cast<uint8_t>(FrameType::kOpen)) unseen = true;
    withdrawn.push_back(Take(i));
  }
  return withdrawn;
}

}  // namespace fdrpc
