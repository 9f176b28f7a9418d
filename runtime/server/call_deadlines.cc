#include "server/call_deadlines.h"

#include "server/incoming_call.h"

namespace fdrpc {

bool CallDeadlines::Add(IncomingCall& call) {
  MutexLock lock(mu_);
  const auto added = calls_.emplace(call.deadline(), &call).first;
  UpdateNext();
  return added == calls_.begin();
}

void CallDeadlines::Remove(IncomingCall& call) {
  MutexLock lock(mu_);
  calls_.erase({call.deadline(), &call});
  UpdateNext();
}

std::vector<std::shared_ptr<IncomingCall>> CallDeadlines::TakeExpired(
    MonotonicTime now) {
  std::vector<std::shared_ptr<IncomingCall>> expired;
  if (next() > now) return expired;
  MutexLock lock(mu_);
  while (!calls_.empty() && calls_.begin()->first <= now) {
    // Null if it is about to go, and waits to be removed from here.
    if (auto call = calls_.begin()->second->weak_from_this().lock()) {
      expired.push_back(std::move(call));
    }
    calls_.erase(calls_.begin());
  }
  UpdateNext();
  return expired;
}

void CallDeadlines::UpdateNext() {
  next_.store(calls_.empty() ? kNoDeadline : calls_.begin()->first,
              std::memory_order_release);
}

}  // namespace fdrpc
