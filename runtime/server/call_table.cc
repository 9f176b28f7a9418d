#include "server/call_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/incoming_call.h"

namespace fdrpc {

absl::Status CallTable::Add(std::shared_ptr<IncomingCall> call) {
  const size_t limit = options_.max_calls_per_connection;
  const bool one_way = call->one_way();
  // Twice as many may exist, since a call's status is sent before the call is
  // gone.
  bool too_many = account_.AddCall(one_way) >= 2 * limit;
  {
    MutexLock lock(mu_);
    if (closed_) return absl::UnavailableError("the connection has ended");
    too_many = !one_way && (too_many || answered_ >= limit);
    if (!too_many) {
      if (!one_way) ++answered_;
      const uint32_t id = call->id();
      calls_.emplace(id, std::move(call));
    }
  }
  if (!too_many) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the connection has ", limit,
                   " calls in progress, the limit "
                   "(ServerOptions::max_calls_per_connection): wait until one "
                   "of them has ended"));
}

std::shared_ptr<IncomingCall> CallTable::Find(uint32_t id) {
  MutexLock lock(mu_);
  auto it = calls_.find(id);
  return it == calls_.end() ? nullptr : it->second;
}

std::shared_ptr<IncomingCall> CallTable::Remove(uint32_t id) {
  MutexLock lock(mu_);
  auto it = calls_.find(id);
  if (it == calls_.end()) return nullptr;
  std::shared_ptr<IncomingCall> call = std::move(it->second);
  calls_.erase(it);
  if (!call->one_way()) --answered_;
  return call;
}

std::vector<std::shared_ptr<IncomingCall>> CallTable::All() {
  MutexLock lock(mu_);
  std::vector<std::shared_ptr<IncomingCall>> all;
  all.reserve(calls_.size());
  for (const auto& [id, call] : calls_) all.push_back(call);
  return all;
}

std::vector<std::shared_ptr<IncomingCall>> CallTable::Close() {
  {
    MutexLock lock(mu_);
    closed_ = true;
  }
  return All();
}

size_t CallTable::size() {
  MutexLock lock(mu_);
  return calls_.size();
}

bool CallTable::empty() {
  MutexLock lock(mu_);
  return calls_.empty();
}

}  // namespace fdrpc
