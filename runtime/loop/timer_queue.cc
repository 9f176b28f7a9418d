#include "loop/timer_queue.h"

#include <utility>

namespace fdrpc {

void TimerQueue::Set(Timer& timer, MonotonicTime at) {
  Cancel(timer);
  if (at == kNoDeadline) return;
  timer.at_.store(at, std::memory_order_relaxed);
  timer.order_ = next_order_++;
  first_ = Merge(first_, &timer);
}

void TimerQueue::Cancel(Timer& timer) {
  if (timer.at() == kNoDeadline) return;
  Timer* const children = MergeAll(std::exchange(timer.child_, nullptr));
  if (&timer == first_) {
    first_ = children;
  } else {
    Timer*& to_it = timer.before_->child_ == &timer ? timer.before_->child_
                                                    : timer.before_->next_;
    to_it = timer.next_;
    if (timer.next_ != nullptr) timer.next_->before_ = timer.before_;
    first_ = Merge(first_, children);
  }
  timer.next_ = timer.before_ = nullptr;
  timer.at_.store(kNoDeadline, std::memory_order_relaxed);
}

TimerQueue::Timer* TimerQueue::TakeExpired(MonotonicTime now) {
  Timer* const first = first_;
  if (first == nullptr || first->at() > now) return nullptr;
  Cancel(*first);
  return first;
}

TimerQueue::Timer* TimerQueue::Merge(Timer* a, Timer* b) {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  if (b->IsBefore(*a)) std::swap(a, b);
  b->before_ = a;
  b->next_ = a->child_;
  if (b->next_ != nullptr) b->next_->before_ = b;
  a->child_ = b;
  return a;
}

TimerQueue::Timer* TimerQueue::MergeAll(Timer* first) {
  // Merges pairs, and then the pairs from the last one on, which makes the
  // amortised time logarithmic.
  Timer* pairs = nullptr;  // linked by next_, the last one first
  while (first != nullptr) {
    Timer* const second = first->next_;
    Timer* const rest = second == nullptr ? nullptr : second->next_;
    first->next_ = nullptr;
    if (second != nullptr) second->next_ = nullptr;
    Timer* const pair = Merge(first, second);
    pair->next_ = pairs;
    pairs = pair;
    first = rest;
  }
  Timer* all = nullptr;
  while (pairs != nullptr) {
    Timer* const next = std::exchange(pairs->next_, nullptr);
    all = Merge(all, pairs);
    pairs = next;
  }
  if (all != nullptr) all->before_ = nullptr;
  return all;
}

}  // namespace fdrpc
