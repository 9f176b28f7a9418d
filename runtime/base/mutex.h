#ifndef FDRPC_BASE_MUTEX_H_
#define FDRPC_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace fdrpc {

// The standard library's mutex, with the annotations for clang's thread-safety
// analysis. (Why not absl::Mutex: docs/decisions.md.)
class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mu_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mu_.unlock(); }
  // Tells the analysis that the caller holds this mutex.
  void AssertHeld() ABSL_ASSERT_EXCLUSIVE_LOCK() {}

 private:
  friend class CondVar;
  std::mutex mu_;
};

// The order in which mutexes are taken where one is held already: a call's (or
// a channel's), a connection's, a loop's. Names for the annotations of those
// that are; defined nowhere.
namespace lock_order {
extern Mutex connection;
extern Mutex loop ABSL_ACQUIRED_AFTER(connection);
}  // namespace lock_order

// Holds a mutex for its lifetime.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) {
    mu_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mu_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

// A condition variable. Waits may end without a signal, so they belong in a
// loop.
class CondVar {
 public:
  void Wait(Mutex& mu) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    changed_.wait(lock);
    lock.release();  // the caller still holds it
  }
  // False if the time is over.
  bool WaitFor(Mutex& mu, std::chrono::nanoseconds longest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    const bool signalled =
        changed_.wait_for(lock, longest) == std::cv_status::no_timeout;
    lock.release();
    return signalled;
  }
  void Signal() { changed_.notify_one(); }
  void SignalAll() { changed_.notify_all(); }

 private:
  std::condition_variable changed_;
};

}  // namespace fdrpc

#endif  // FDRPC_BASE_MUTEX_H_
