#include "loop/loop_thread.h"

#include <utility>
#include <vector>

namespace fdrpc {
namespace {

// Objects that are destroyed after a thread's ThreadLoops may still run loops
// on it.
constinit thread_local bool thread_is_ending = false;

}  // namespace

// The loops that a thread has taken for good: nobody owns them after it has
// ended.
class LoopThread::ThreadLoops {
 public:
  ~ThreadLoops() {
    thread_is_ending = true;
    for (const std::weak_ptr<LoopThread>& loop : loops_) {
      if (auto taken = loop.lock()) {
        taken->OnThreadEnded(std::this_thread::get_id());
      }
    }
  }
  void Add(const std::shared_ptr<LoopThread>& added) {
    std::erase_if(loops_, [&](const std::weak_ptr<LoopThread>& loop) {
      const auto taken = loop.lock();
      return taken == nullptr || taken == added;
    });
    loops_.push_back(added);
  }

 private:
  std::vector<std::weak_ptr<LoopThread>> loops_;
};

bool LoopThread::Take() {
  const std::thread::id self = std::this_thread::get_id();
  MutexLock lock(mu_);
  while (borrowed_ && owner_ != self) changed_.Wait(mu_);
  return std::exchange(owner_, self) != self;
}

void LoopThread::Leave() {
  MutexLock lock(mu_);
  owner_ = {};
  changed_.SignalAll();
}

void LoopThread::TakeForGood() {
  if (!Take() || thread_is_ending) return;
  thread_local ThreadLoops taken;
  taken.Add(shared_from_this());
}

void LoopThread::OnThreadEnded(std::thread::id thread) {
  MutexLock lock(mu_);
  if (owner_ != thread) return;
  owner_ = {};
  changed_.SignalAll();
}

bool LoopThread::Borrow(const std::atomic<bool>& done) {
  const std::thread::id self = std::this_thread::get_id();
  MutexLock lock(mu_);
  while (!done.load() && owner_ != std::thread::id() && owner_ != self) {
    changed_.Wait(mu_);
  }
  if (done.load()) return false;
  lender_ = std::exchange(owner_, self);
  borrowed_ = true;
  return true;
}

void LoopThread::Return() {
  MutexLock lock(mu_);
  borrowed_ = false;
  owner_ = lender_;
  changed_.SignalAll();
}

void LoopThread::Tell() {
  MutexLock lock(mu_);
  changed_.SignalAll();
}

}  // namespace fdrpc
