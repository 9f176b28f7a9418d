#ifndef FDRPC_CLIENT_PENDING_CALLS_H_
#define FDRPC_CLIENT_PENDING_CALLS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "client/pending_call.h"

namespace fdrpc {

// The calls of one connection: the sent ones by their ids, and in queues those
// that wait for their turn. Borrows the calls; neither sends nor ends them.
class PendingCalls {
 public:
  // The queues. Requests larger than one frame wait for other room than small
  // ones. One-way calls do not wait for the number of concurrent calls.
  enum class Queue { kOneFrame, kLarge, kOneWay };
  static constexpr size_t kQueues = 3;

  bool empty() const;

  // Appends a call to its queue.
  void Add(PendingCall& call);
  // The first call of a queue, or null if it must wait: for the number of
  // calls, or behind a large one-way call, which others would overtake.
  PendingCall* Next(Queue queue, uint32_t max_calls) const;
  // The first call of its queue was sent: it gets the next id.
  void MarkSent(PendingCall& call);
  // Forgets a call, wherever it is.
  void Remove(PendingCall& call);
  // Removes and returns all calls that wait for their turn.
  std::vector<PendingCall*> TakeWaiting();

  // The call that was sent with that id; null if it has ended.
  PendingCall* Find(uint32_t id) const;
  // The calls that were sent; a copy, because calls may end meanwhile.
  std::vector<PendingCall*> Sent() const;
  bool WasSent(uint32_t id) const { return id < next_id_; }
  bool HasUsedAllIds() const { return next_id_ > kLastCallId; }

  // A sent call waits for room in the connection's queue, for its next message.
  void AwaitRoom(PendingCall& call);
  // Removes and returns all calls that wait for room.
  std::vector<PendingCall*> TakeRoomWaiters();

 private:
  static Queue QueueOf(const PendingCall& call);
  std::deque<PendingCall*>& At(Queue queue) {
    return queues_[static_cast<size_t>(queue)];
  }

  // 64 bits, so that it can be greater than the last id.
  uint64_t next_id_ = 1;
  absl::flat_hash_map<uint32_t, PendingCall*> sent_;
  size_t one_way_sent_ = 0;  // how many of them are one-way
  // The one-way call among them whose request has several frames. Others wait
  // until it has been sent, so that they arrive in order.
  uint32_t large_one_way_ = 0;
  std::array<std::deque<PendingCall*>, kQueues> queues_;
  std::vector<PendingCall*> without_room_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_PENDING_CALLS_H_
