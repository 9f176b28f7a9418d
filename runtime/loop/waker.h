#ifndef FDRPC_LOOP_WAKER_H_
#define FDRPC_LOOP_WAKER_H_

#include <atomic>
#include <memory>
#include <utility>

#include "base/monotonic_time.h"
#include "loop/reactor.h"

namespace fdrpc {

// Has a reactor wake a source, at once or by a time: the earliest one for which
// it was asked since the source was woken last. Any thread.
class Waker {
 public:
  // Called once. What was asked for before is lost. Borrows the reactor.
  void Begin(Reactor& reactor, std::weak_ptr<Reactor::Source> source) {
    source_ = std::move(source);
    reactor_.store(&reactor, std::memory_order_release);
  }
  void Wake() { WakeBy(MonotonicTime()); }
  void WakeBy(MonotonicTime at) {
    Reactor* const reactor = reactor_.load(std::memory_order_acquire);
    if (reactor != nullptr) reactor->SetTimerBy(timer_, at, source_);
  }

 private:
  std::weak_ptr<Reactor::Source> source_;
  std::atomic<Reactor*> reactor_{nullptr};
  Reactor::Timer timer_;
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_WAKER_H_
