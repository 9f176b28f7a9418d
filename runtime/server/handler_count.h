#ifndef FDRPC_SERVER_HANDLER_COUNT_H_
#define FDRPC_SERVER_HANDLER_COUNT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "loop/waker.h"

namespace fdrpc {

// Counts the handlers of a server that have not ended, including those of calls
// that nobody waits for any more: the server continues until all have ended.
class HandlerCount {
 public:
  // A call has arrived that will have a handler, or is refused. On the polling
  // thread.
  void Add() {
    ++added_;
    running_.fetch_add(1, std::memory_order_relaxed);
  }
  // How many have arrived. On the polling thread.
  uint64_t added() const { return added_; }

  // The handler has ended or released its call, or will never run. On any
  // thread.
  void Remove() {
    // Sequentially consistent, like the other side's look at both: either this
    // sees that somebody waits, or that side sees that the handler has ended.
    if (running_.fetch_sub(1) != 1) return;
    Waker* const waiting = waiting_.load();
    if (waiting != nullptr) waiting->Wake();
  }

  size_t running() const { return running_.load(); }
  // Whether no handler runs. After the first call, `waker`, which is borrowed,
  // wakes when the last one ends.
  bool AwaitNone(Waker& waker) {
    waiting_.store(&waker);
    return running() == 0;
  }
  // Whether that was called.
  bool awaited() const { return waiting_.load() != nullptr; }

 private:
  uint64_t added_ = 0;
  std::atomic<size_t> running_{0};
  std::atomic<Waker*> waiting_{nullptr};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_HANDLER_COUNT_H_
