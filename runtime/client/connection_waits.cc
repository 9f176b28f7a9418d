#include "client/connection_waits.h"

#include <algorithm>
#include <utility>

namespace fdrpc {
namespace {

// Services of one machine start together.
constexpr absl::Duration kFirstPause = absl::Milliseconds(1);

}  // namespace

std::list<ConnectionWaits::Waiter*>& ConnectionWaits::ListOf(
    const Waiter& waiter) {
  if (waiter.thread_ != nullptr) return threads_;
  return waiter.patient_ ? calls_ : impatient_calls_;
}

void ConnectionWaits::Enter(Waiter& waiter) {
  if (std::exchange(waiter.waits_, true)) return;
  std::list<Waiter*>& list = ListOf(waiter);
  waiter.place_ = list.insert(list.end(), &waiter);
  if (waiter.thread_ != nullptr) waiter.thread_->pauses = true;
}

void ConnectionWaits::Leave(Waiter& waiter, ChannelLock& lock) {
  if (!std::exchange(waiter.waits_, false)) return;
  const bool leads = !threads_.empty() && threads_.front() == &waiter;
  ListOf(waiter).erase(waiter.place_);
  if (waiter.thread_ == nullptr) return;
  waiter.thread_->pauses = false;
  if (leads && !threads_.empty()) threads_.front()->thread_->Wake(lock);
}

void ConnectionWaits::OnNotConnected(MonotonicTime now, bool busy,
                                     ChannelLock& lock) {
  Pause(now);
  busy_ = busy;
  if (!busy) WakeThreads(lock, /*patient_ones=*/false);
}

void ConnectionWaits::OnConnected(MonotonicTime now, ChannelLock& lock) {
  Pause(now);
  busy_ = false;
  WakeThreads(lock, /*patient_ones=*/false);
}

void ConnectionWaits::AdmitAll(ChannelLock& lock) {
  next_ = MonotonicTime();
  pause_ = absl::ZeroDuration();
  busy_ = false;
  WakeThreads(lock, /*patient_ones=*/true);
}

void ConnectionWaits::Pause(MonotonicTime now) {
  pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
  next_ = DeadlineAfter(now, pause_);
}

void ConnectionWaits::WakeThreads(ChannelLock& lock, bool patient_ones) {
  for (Waiter* waiter : threads_) {
    if (patient_ones || !waiter->patient_) waiter->thread_->Wake(lock);
  }
}

MonotonicTime ConnectionWaits::TurnOf(const Waiter& waiter) const {
  if (MayTry(waiter)) return MonotonicTime();
  // After AdmitAll(), or before the first attempt.
  if (next_ == MonotonicTime() || threads_.front() == &waiter) return next_;
  return kNoDeadline;
}

MonotonicTime ConnectionWaits::next_turn() const {
  if (!impatient_calls_.empty()) return busy_ ? next_ : MonotonicTime();
  return calls_.empty() ? kNoDeadline : next_;
}

ConnectionWaits::Waiter* ConnectionWaits::TakeNext(MonotonicTime now) {
  if (now < next_turn()) return nullptr;
  std::list<Waiter*>& list =
      impatient_calls_.empty() ? calls_ : impatient_calls_;
  Waiter* const next = list.front();
  list.pop_front();
  next->waits_ = false;
  return next;
}

}  // namespace fdrpc
