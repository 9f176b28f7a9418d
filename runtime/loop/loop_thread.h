#ifndef FDRPC_LOOP_LOOP_THREAD_H_
#define FDRPC_LOOP_LOOP_THREAD_H_

#include <atomic>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace fdrpc {

// The thread to which a loop belongs: the one in Run(), or the one that called
// RunReady() last, until that thread ends. Callbacks of a loop are often
// written for a single thread. So a thread that must wait for something that
// the loop does leaves the loop to its thread, and borrows it only if there is
// none.
//
// Any thread.
class LoopThread final : public std::enable_shared_from_this<LoopThread> {
 public:
  // Gives the loop to the calling thread; false if it had it before. Blocks
  // while another one has borrowed it.
  bool Take() ABSL_LOCKS_EXCLUDED(mu_);
  // The loop belongs to no thread.
  void Leave() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes it until the thread ends, or another thread takes it.
  void TakeForGood() ABSL_LOCKS_EXCLUDED(mu_);

  // Blocks until the loop belongs to the calling thread or to none, and borrows
  // it until Return(). False if `done` comes first, after which its setter
  // calls Tell().
  bool Borrow(const std::atomic<bool>& done) ABSL_LOCKS_EXCLUDED(mu_);
  void Return() ABSL_LOCKS_EXCLUDED(mu_);
  void Tell() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class ThreadLoops;

  void OnThreadEnded(std::thread::id thread) ABSL_LOCKS_EXCLUDED(mu_);

  Mutex mu_;
  CondVar changed_;
  std::thread::id owner_ ABSL_GUARDED_BY(mu_);
  bool borrowed_ ABSL_GUARDED_BY(mu_) = false;   // by the owner
  std::thread::id lender_ ABSL_GUARDED_BY(mu_);  // the owner itself, or none
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_LOOP_THREAD_H_
