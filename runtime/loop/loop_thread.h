#ifndef FDRPC_LOOP_LOOP_THREAD_H_
#define FDRPC_LOOP_LOOP_THREAD_H_

#include <atomic>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace fdrpc {

// Whose a loop is: the thread's that is in Run(), or that called RunReady()
// last, until that thread ends. What a loop calls is often made for its one
// thread; so a thread that must wait for something that the loop does leaves it
// to that one, and borrows the loop only if it is nobody's.
//
// Any thread.
class LoopThread final : public std::enable_shared_from_this<LoopThread> {
 public:
  // Makes the loop the calling thread's; false if it was before. Blocks while
  // another has borrowed it.
  bool Take() ABSL_LOCKS_EXCLUDED(mu_);
  // Makes it nobody's.
  void Leave() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes it until the thread ends, or another takes it.
  void TakeForGood() ABSL_LOCKS_EXCLUDED(mu_);

  // Blocks until the loop is the calling thread's or nobody's, and borrows it
  // until Return(). False if `done` comes before, which those who set it follow
  // with Tell().
  bool Borrow(const std::atomic<bool>& done) ABSL_LOCKS_EXCLUDED(mu_);
  void Return() ABSL_LOCKS_EXCLUDED(mu_);
  void Tell() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Taken;

  void OnThreadEnded(std::thread::id thread) ABSL_LOCKS_EXCLUDED(mu_);

  Mutex mu_;
  CondVar changed_;
  std::thread::id owner_ ABSL_GUARDED_BY(mu_);
  bool borrowed_ ABSL_GUARDED_BY(mu_) = false;   // by the owner
  std::thread::id lender_ ABSL_GUARDED_BY(mu_);  // the owner itself, or none
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_LOOP_THREAD_H_
