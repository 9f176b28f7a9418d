#include "server/call_deadlines.h"

#include <utility>

#include "server/incoming_call.h"

namespace fdrpc {

bool CallDeadlines::Add(IncomingCall& call) {
  MutexLock lock(mu_);
  const bool is_next = call.deadline() < timers_.next();
  timers_.Set(call.deadline_timer(), call.deadline());
  UpdateNext();
  return is_next;
}

void CallDeadlines::Remove(IncomingCall& call) {
  MutexLock lock(mu_);
  timers_.Cancel(call.deadline_timer());
  UpdateNext();
}

std::vector<std::shared_ptr<IncomingCall>> CallDeadlines::TakeExpired(
    MonotonicTime now) {
  std::vector<std::shared_ptr<IncomingCall>> expired;
  if (next() > now) return expired;
  MutexLock lock(mu_);
  while (TimerQueue::Timer* const timer = timers_.TakeExpired(now)) {
    // Null if it is about to be destroyed, and waits to be removed from here.
    auto call = static_cast<Timer*>(timer)->call_.weak_from_this().lock();
    if (call != nullptr) expired.push_back(std::move(call));
  }
  UpdateNext();
  return expired;
}

}  // namespace fdrpc
