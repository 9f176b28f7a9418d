#ifndef FDRPC_SERVER_HELD_REQUESTS_H_
#define FDRPC_SERVER_HELD_REQUESTS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "server/connection_account.h"

namespace fdrpc {

// How much one call's requests hold, which counts for its connection until it
// is released. Guarded by the call's lock.
class HeldRequests {
 public:
  explicit HeldRequests(ConnectionAccount& account) : account_(account) {}
  HeldRequests(const HeldRequests&) = delete;
  HeldRequests& operator=(const HeldRequests&) = delete;
  ~HeldRequests() { ReleaseAll(); }

  // As ConnectionAccount::Charge().
  absl::Status Charge(size_t bytes, size_t descriptors) {
    absl::Status charged = account_.Charge(bytes, descriptors);
    if (!charged.ok()) return charged;
    bytes_ += bytes;
    descriptors_ += descriptors;
    return charged;
  }
  void Release(size_t bytes, size_t descriptors) {
    account_.Release(bytes, descriptors);
    bytes_ -= bytes;
    descriptors_ -= descriptors;
  }
  void ReleaseAll() { Release(bytes_, descriptors_); }

 private:
  ConnectionAccount& account_;
  size_t bytes_ = 0;
  size_t descriptors_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_HELD_REQUESTS_H_
