#ifndef FDRPC_SERVER_HANDLER_COUNT_H_
#define FDRPC_SERVER_HANDLER_COUNT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "os/wakeup.h"

namespace fdrpc {

// Counts the handlers of a server that have not ended, also those of calls that
// nobody waits for any more: the server goes on until all have.
class HandlerCount {
 public:
  // A call has come that will have a handler, or is refused. On the polling
  // thread.
  void Add() {
    ++added_;
    running_.fetch_add(1, std::memory_order_relaxed);
  }
  // How many have come. On the polling thread.
  uint64_t added() const { return added_; }

  // The handler has said how its call ends, has let go of it, or will never
  // run. On any thread.
  void Remove() {
    // Sequentially consistent, as is the other side's look at both: either this
    // sees that somebody waits, or that one sees that the handler has ended.
    if (running_.fetch_sub(1) != 1) return;
    const Wakeup* const waiting = waiting_.load();
    if (waiting != nullptr) waiting->Notify();
  }

  size_t running() const { return running_.load(); }
  // Whether none runs. From the first call on, `wakeup` is notified when the
  // last one ends; it is borrowed.
  bool AwaitNone(const Wakeup& wakeup) {
    waiting_.store(&wakeup);
    return running() == 0;
  }
  // Whether that was called.
  bool awaited() const { return waiting_.load() != nullptr; }

 private:
  uint64_t added_ = 0;
  std::atomic<size_t> running_{0};
  std::atomic<const Wakeup*> waiting_{nullptr};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_HANDLER_COUNT_H_
