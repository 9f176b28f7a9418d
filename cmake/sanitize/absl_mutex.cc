// Tells the thread sanitizer of absl::Mutex where the abseil library itself was
// built without it, as packaged ones are: unable to see that one thread's
// Unlock() precedes another's Lock(), it would report a race on whatever a
// mutex guards.
//
// Stands before the library at the link: each function calls the library's own,
// and reports on both sides of it as abseil built with the sanitizer does. Only
// what this tree uses is here; conditions (Await, LockWhen) are not.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdlib>
#include <string>

#include "absl/synchronization/mutex.h"

namespace {

#define FDRPC_STRING(x) #x
#define FDRPC_NAME(x) FDRPC_STRING(x)

// The library's own function of class and signature `rest`, as mangled.
template <typename Function>
Function Original(const char* rest) {
  std::string name = "_ZN4absl";
  if (ABSL_OPTION_USE_INLINE_NAMESPACE) {
    std::string space = FDRPC_NAME(ABSL_OPTION_INLINE_NAMESPACE_NAME);
    name += std::to_string(space.size()) + space;
  }
  void* function = dlsym(RTLD_NEXT, (name + rest).c_str());
  if (function == nullptr) std::abort();
  return reinterpret_cast<Function>(function);
}

using absl::CondVar;
using absl::Mutex;
using OnMutex = void (*)(Mutex*);
using TryMutex = bool (*)(Mutex*);

// What CondVar does to the mutex while it waits. Only the outermost counts: one
// form of waiting may be written in terms of another.
class Unlocked {
 public:
  explicit Unlocked(Mutex* mutex) : mutex_(mutex) {
    if (depth_++ > 0) return;
    __tsan_mutex_pre_unlock(mutex_, 0);
    __tsan_mutex_post_unlock(mutex_, 0);
    __tsan_mutex_pre_lock(mutex_, 0);
  }
  ~Unlocked() {
    if (--depth_ == 0) __tsan_mutex_post_lock(mutex_, 0, 0);
  }

 private:
  static thread_local int depth_;

  Mutex* mutex_;
};

thread_local int Unlocked::depth_ = 0;

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

Mutex::~Mutex() {
  static const auto original = Original<OnMutex>("5MutexD1Ev");
  __tsan_mutex_destroy(this, __tsan_mutex_not_static);
  original(this);
}

void Mutex::Lock() {
  static const auto original = Original<OnMutex>("5Mutex4LockEv");
  __tsan_mutex_pre_lock(this, 0);
  original(this);
  __tsan_mutex_post_lock(this, 0, 0);
}

void Mutex::Unlock() {
  static const auto original = Original<OnMutex>("5Mutex6UnlockEv");
  __tsan_mutex_pre_unlock(this, 0);
  original(this);
  __tsan_mutex_post_unlock(this, 0);
}

bool Mutex::TryLock() {
  static const auto original = Original<TryMutex>("5Mutex7TryLockEv");
  __tsan_mutex_pre_lock(this, __tsan_mutex_try_lock);
  bool locked = original(this);
  __tsan_mutex_post_lock(
      this, __tsan_mutex_try_lock | (locked ? 0 : __tsan_mutex_try_lock_failed),
      0);
  return locked;
}

void Mutex::ReaderLock() {
  static const auto original = Original<OnMutex>("5Mutex10ReaderLockEv");
  __tsan_mutex_pre_lock(this, __tsan_mutex_read_lock);
  original(this);
  __tsan_mutex_post_lock(this, __tsan_mutex_read_lock, 0);
}

void Mutex::ReaderUnlock() {
  static const auto original = Original<OnMutex>("5Mutex12ReaderUnlockEv");
  __tsan_mutex_pre_unlock(this, __tsan_mutex_read_lock);
  original(this);
  __tsan_mutex_post_unlock(this, __tsan_mutex_read_lock);
}

void CondVar::Wait(Mutex* mutex) {
  static const auto original =
      Original<void (*)(CondVar*, Mutex*)>("7CondVar4WaitEPNS0_5MutexE");
  Unlocked unlocked(mutex);
  original(this, mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto original = Original<bool (*)(CondVar*, Mutex*, Duration)>(
      "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  Unlocked unlocked(mutex);
  return original(this, mutex, timeout);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto original = Original<bool (*)(CondVar*, Mutex*, Time)>(
      "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  Unlocked unlocked(mutex);
  return original(this, mutex, deadline);
}

ABSL_NAMESPACE_END
}  // namespace absl

namespace {

// Looks the originals up before there are threads: a fork(2) while another
// thread does it would leave the child to wait for that thread for ever.
[[maybe_unused]] const bool looked_up = [] {
  // The library's own search for cycles has locks of its own that the sanitizer
  // does not see, and reports races within it; the sanitizer finds cycles, too.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  absl::Mutex mutex;
  absl::CondVar condition;
  mutex.Lock();
  condition.WaitWithTimeout(&mutex, absl::ZeroDuration());
  condition.WaitWithDeadline(&mutex, absl::InfinitePast());
  mutex.Unlock();
  mutex.ReaderLock();
  mutex.ReaderUnlock();
  if (mutex.TryLock()) mutex.Unlock();
  return true;
}();

}  // namespace
