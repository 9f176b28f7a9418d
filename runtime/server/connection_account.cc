#include "server/connection_account.h"

#include "absl/strings/str_cat.h"

namespace fdrpc {

absl::Status ConnectionAccount::Charge(size_t bytes, size_t descriptors) {
  // Others only release: what fits now will fit when it is added.
  if (held_bytes_.load(std::memory_order_relaxed) + bytes >
          options_.max_held_bytes_per_connection ||
      held_descriptors_.load(std::memory_order_relaxed) + descriptors >
          options_.max_held_descriptors_per_connection) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the connection's requests hold the limit of ",
        options_.max_held_bytes_per_connection, " bytes or ",
        options_.max_held_descriptors_per_connection,
        " descriptors (ServerOptions::max_held_bytes_per_connection, "
        "max_held_descriptors_per_connection): wait until calls in progress "
        "have ended"));
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

void ConnectionAccount::Release(size_t bytes, size_t descriptors) {
  if (share_ != nullptr) share_->Release(bytes, descriptors);
  held_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  if (descriptors > 0) {
    held_descriptors_.fetch_sub(descriptors, std::memory_order_relaxed);
  }
}

bool ConnectionAccount::OneWaysExceed(size_t divisor) const {
  const size_t one_ways = one_ways_;
  if (one_ways == 0) return false;
  return one_ways >= options_.max_calls_per_connection / divisor ||
         held_bytes_ >= options_.max_held_bytes_per_connection / 2 / divisor ||
         held_descriptors_ >=
             options_.max_held_descriptors_per_connection / 2 / divisor;
}

}  // namespace fdrpc
