#include "connection/queue_room.h"

#include <algorithm>
#include <cassert>

#include "wire/frame_header.h"

namespace fdrpc {
namespace {

// A lower limit would make senders wait for each other's small messages.
constexpr size_t kLeastQueuedBytes = 64u << 10;
// What a small frame costs in addition to its bytes, roughly: many small frames
// take more memory than they have bytes.
constexpr size_t kLeastFrameCost = 64;

// From the header, because the transport has already closed the descriptors of
// a frame that it has sent in part.
size_t DescriptorsOf(std::string_view head) {
  return DecodeFrameHeader(head.data()).descriptor_count;
}

size_t CostOf(const auto& frame) {
  return std::max(frame.bytes(), kLeastFrameCost);
}

bool IsPong(std::string_view head, uint32_t call_id) {
  return call_id == 0 && DecodeFrameHeader(head.data()).type ==
                             static_cast<uint8_t>(FrameType::kPong);
}

// Whether this is the last frame of its large message.
bool EndsMessage(std::string_view head) {
  const FrameHeader header = DecodeFrameHeader(head.data());
  return header.type != static_cast<uint8_t>(FrameType::kHeaders) &&
         (header.flags & kFlagMore) == 0;
}

}  // namespace

QueueRoom::QueueRoom(const Limits& limits)
    : limits_{std::max(limits.bytes, kLeastQueuedBytes), limits.descriptors,
              limits.together} {}

QueueRoom::~QueueRoom() {
  if (limits_.together != nullptr) {
    limits_.together->queued.Remove(descriptors());
  }
}

void QueueRoom::Count(const OutgoingFrame& frame, bool of_large) {
  bytes_.store(bytes() + CostOf(frame), std::memory_order_relaxed);
  if (frame.attached != nullptr) {
    const size_t count = DescriptorsOf(frame.head);
    descriptors_.store(descriptors() + count, std::memory_order_relaxed);
    if (limits_.together != nullptr) limits_.together->queued.Add(count);
  }
  if (IsPong(frame.head, frame.call_id)) ++pongs_;
  if (of_large) CountLarge(frame.head, CostOf(frame), /*queued=*/true);
}

void QueueRoom::Discount(const FrameQueue::QueuedFrame& queued) {
  assert(bytes() >= CostOf(queued.frame));
  bytes_.store(bytes() - CostOf(queued.frame), std::memory_order_relaxed);
  if (queued.frame.attached != nullptr) {
    const size_t count = DescriptorsOf(queued.frame.head);
    descriptors_.store(descriptors() - count, std::memory_order_relaxed);
    if (limits_.together != nullptr) limits_.together->queued.Remove(count);
  }
  if (IsPong(queued.frame.head, queued.call_id)) --pongs_;
  if (queued.of_large) {
    CountLarge(queued.frame.head, CostOf(queued.frame), /*queued=*/false);
  }
}

void QueueRoom::CountLarge(std::string_view head, size_t bytes, bool queued) {
  const auto add = [queued](std::atomic<size_t>& to, size_t by) {
    const size_t now = to.load(std::memory_order_relaxed);
    to.store(queued ? now + by : now - by, std::memory_order_relaxed);
  };
  add(large_bytes_, bytes);
  if (EndsMessage(head)) add(large_messages_, 1);
}

bool QueueRoom::DescriptorsWithin(size_t divisor) const {
  if (descriptors() > limits_.descriptors / divisor) return false;
  if (limits_.together == nullptr) return true;
  const DescriptorQuota& together = limits_.together->queued;
  return together.held() <= together.most() / divisor;
}

bool QueueRoom::TakeWanted() {
  if (!wanted_[0] && !wanted_[1]) return false;
  bool tells = false;
  for (const Size size : {Size::kOneFrame, Size::kAny}) {
    bool& wanted = wanted_[static_cast<size_t>(size)];
    if (wanted && Within(size, 2)) {
      wanted = false;
      tells = true;
    }
  }
  return tells;
}

}  // namespace fdrpc
