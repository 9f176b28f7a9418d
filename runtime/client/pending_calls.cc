#include "client/pending_calls.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace fdrpc {

bool PendingCalls::empty() const {
  return sent_.empty() &&
         std::all_of(queues_.begin(), queues_.end(),
                     [](const auto& queue) { return queue.empty(); });
}

PendingCalls::Queue PendingCalls::QueueOf(const PendingCall& call) {
  if (call.method.one_way) return Queue::kOneWay;
  return call.open.size() > 1 ? Queue::kLarge : Queue::kOneFrame;
}

void PendingCalls::Add(PendingCall& call) {
  At(QueueOf(call)).push_back(&call);
}

PendingCall* PendingCalls::Next(Queue queue, uint32_t max_calls) const {
  const std::deque<PendingCall*>& waiting = queues_[static_cast<size_t>(queue)];
  if (waiting.empty()) return nullptr;
  const bool held_back = queue == Queue::kOneWay
                             ? large_one_way_ != 0
                             : sent_.size() - one_way_sent_ >= max_calls;
  return held_back ? nullptr : waiting.front();
}

void PendingCalls::MarkSent(PendingCall& call) {
  std::deque<PendingCall*>& waiting = At(QueueOf(call));
  assert(waiting.front() == &call && !HasUsedAllIds());
  waiting.pop_front();
  call.id = static_cast<uint32_t>(next_id_++);
  sent_.emplace(call.id, &call);
  if (!call.method.one_way) return;
  ++one_way_sent_;
  if (call.open.size() > 1) large_one_way_ = call.id;
}

void PendingCalls::Remove(PendingCall& call) {
  if (call.id == 0) {
    std::erase(At(QueueOf(call)), &call);
  } else if (sent_.erase(call.id) > 0 && call.method.one_way) {
    --one_way_sent_;
    if (call.id == large_one_way_) large_one_way_ = 0;
  }
  if (std::exchange(call.waits_for_room, false)) {
    std::erase(without_room_, &call);
  }
}

std::vector<PendingCall*> PendingCalls::TakeWaiting() {
  std::vector<PendingCall*> taken;
  for (std::deque<PendingCall*>& queue : queues_) {
    taken.insert(taken.end(), queue.begin(), queue.end());
    queue.clear();
  }
  return taken;
}

PendingCall* PendingCalls::Find(uint32_t id) const {
  const auto it = sent_.find(id);
  return it == sent_.end() ? nullptr : it->second;
}

std::vector<PendingCall*> PendingCalls::Sent() const {
  std::vector<PendingCall*> calls;
  calls.reserve(sent_.size());
  for (const auto& [id, call] : sent_) calls.push_back(call);
  return calls;
}

void PendingCalls::AwaitRoom(PendingCall& call) {
  if (std::exchange(call.waits_for_room, true)) return;
  without_room_.push_back(&call);
}

std::vector<PendingCall*> PendingCalls::TakeRoomWaiters() {
  for (PendingCall* call : without_room_) call->waits_for_room = false;
  return std::exchange(without_room_, {});
}

}  // namespace fdrpc
