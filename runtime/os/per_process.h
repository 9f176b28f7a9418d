#ifndef FDRPC_OS_PER_PROCESS_H_
#define FDRPC_OS_PER_PROCESS_H_

#include <atomic>
#include <memory>

#include "os/fork_generation.h"

namespace fdrpc {

// One T for each process, created when it is first requested. A child made by
// fork(2) gets a new one, since a thread of the parent may have held a lock in
// the parent's. Never destroyed, because others may use it until the process
// has ended. For objects of static storage.
//
// Threads: any.
template <typename T>
class PerProcess {
 public:
  constexpr PerProcess() = default;

  T& Get() {
    Own* newest = newest_.load(std::memory_order_acquire);
    while (newest == nullptr || newest->mark.inherited()) {
      auto made = std::make_unique<Own>(newest);
      if (newest_.compare_exchange_strong(newest, made.get(),
                                          std::memory_order_acq_rel)) {
        newest = made.release();
      }
    }
    return newest->value;
  }

 private:
  struct Own {
    explicit Own(Own* inherited) : parents(inherited) {}

    const ForkMark mark;
    Own* const parents;  // still reachable, for leak checkers
    T value{};
  };

  std::atomic<Own*> newest_{nullptr};
};

}  // namespace fdrpc

#endif  // FDRPC_OS_PER_PROCESS_H_
