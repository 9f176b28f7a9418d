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

// The calls of one connection: those that were sent, by their ids, and those
// that wait for their turn, in queues. Borrows them; sends nothing, and ends
// none.
class PendingCalls {
 public:
  // Where a call waits: those whose requests are more than a frame wait for
  // other room; one-way calls are not held back by the number of calls at once.
  enum class Queue { kOneFrame, kLarge, kOneWay };
  static constexpr size_t kQueues = 3;

  bool empty() const;

  // Has a call wait behind those of its kind.
  void Add(PendingCall& call);
  // The first one of a queue, unless it must wait for others: for their number,
  // or for a large one-way call, behind which others would overtake it. Null if
  // none can go.
  PendingCall* Next(Queue queue, uint32_t max_calls) const;
  // Gives the first one of its queue the next id: it was sent.
  void MarkSent(PendingCall& call);
  // Forgets a call, wherever it is.
  void Remove(PendingCall& call);
  // Takes all that wait for their turn.
  std::vector<PendingCall*> TakeWaiting();

  // The call that was sent under that id, or null if it has ended.
  PendingCall* Find(uint32_t id) const;
  // Those that were sent. To go through while calls end.
  std::vector<PendingCall*> Sent() const;
  bool WasSent(uint32_t id) const { return id < next_id_; }
  bool HasUsedAllIds() const { return next_id_ > kLastCallId; }

  // Has a call that was sent wait for room in the connection's queue, for its
  // next message.
  void AwaitRoom(PendingCall& call);
  // Takes all that do.
  std::vector<PendingCall*> TakeThoseWithoutRoom();

 private:
  static Queue QueueOf(const PendingCall& call);
  std::deque<PendingCall*>& At(Queue queue) {
    return queues_[static_cast<size_t>(queue)];
  }

  // 64 bits, so that it can stand behind the last id.
  uint64_t next_id_ = 1;
  absl::flat_hash_map<uint32_t, PendingCall*> sent_;
  size_t one_way_sent_ = 0;  // of them
  // The one-way call, of them, whose request is more than a frame. Others wait
  // until it has gone, so that they arrive in order.
  uint32_t large_one_way_ = 0;
  std::array<std::deque<PendingCall*>, kQueues> queues_;
  std::vector<PendingCall*> without_room_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_PENDING_CALLS_H_
