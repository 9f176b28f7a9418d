#include "server/call_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/incoming_call.h"

namespace fdrpc {

absl::Status CallTable::Add(std::shared_ptr<IncomingCall> call) {
  const size_t limit = options_.max_calls_per_connection;
  const bool one_way = call->one_way();
  // Twice as many may exist, since a call's end is sent before it is gone.
  const size_t existing = (one_way ? one_ways_ : existing_).fetch_add(1);
  bool too_many = existing >= 2 * limit;
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
  return absl::ResourceExhaustedError(absl::StrCat(
      "the connection has ", limit, " calls in progress, the limit"));
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

bool CallTable::empty() {
  MutexLock lock(mu_);
  return calls_.empty();
}

absl::Status CallTable::Charge(size_t bytes, size_t descriptors) {
  // Others only release: what fits now fits when it is added.
  if (held_bytes_.load(std::memory_order_relaxed) + bytes >
          options_.max_held_bytes_per_connection ||
      held_descriptors_.load(std::memory_order_relaxed) + descriptors >
          options_.max_held_descriptors_per_connection) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the connection's requests hold the limit of ",
        options_.max_held_bytes_per_connection, " bytes or ",
        options_.max_held_descriptors_per_connection, " descriptors"));
  }
  if (share_ != nullptr) {
    absl::Status charged = share_->Charge(bytes, descriptors);
    if (!charged.ok()) return charged;
  }
  held_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (descriptors > 0) {
    held_descriptors_.fetch_add(descriptors, std::memory_order_relaxed);
  }
  return absl::OkStatus();
}

bool CallTable::OneWaysExceed(size_t divisor) const {
  const size_t one_ways = one_ways_;
  if (one_ways == 0) return false;
  return one_ways >= options_.max_calls_per_connection / divisor ||
         held_bytes_ >= options_.max_held_bytes_per_connection / 2 / divisor ||
         held_descriptors_ >=
             options_.max_held_descriptors_per_connection / 2 / divisor;
}

void CallTable::Release(size_t bytes, size_t descriptors) {
  if (share_ != nullptr) share_->Release(bytes, descriptors);
  held_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  if (descriptors > 0) {
    held_descriptors_.fetch_sub(descriptors, std::memory_order_relaxed);
  }
}

}  // namespace fdrpc
