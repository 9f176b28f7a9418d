#ifndef FDRPC_SERVER_CALL_TABLE_H_
#define FDRPC_SERVER_CALL_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "fdrpc/server.h"
#include "server/client_accounts.h"

namespace fdrpc {

class IncomingCall;

// The calls of one connection that are in progress, by id, and the account of
// what all its calls make the server hold. Any thread, except as said.
class CallTable {
 public:
  // Borrows both. Without a share, what calls hold counts for the connection
  // alone.
  CallTable(const ServerOptions& options, ClientShare* share)
      : options_(options), share_(share) {}

  // Adds a call that has just been made. RESOURCE_EXHAUSTED if the client is at
  // its limit of calls, which one-way calls have no part in; UNAVAILABLE after
  // Close().
  absl::Status Add(std::shared_ptr<IncomingCall> call) ABSL_LOCKS_EXCLUDED(mu_);
  // Null if it is not there.
  std::shared_ptr<IncomingCall> Find(uint32_t id) ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<IncomingCall> Remove(uint32_t id) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::shared_ptr<IncomingCall>> All() ABSL_LOCKS_EXCLUDED(mu_);
  // Gives all, which stay until they are removed; none is added any more.
  std::vector<std::shared_ptr<IncomingCall>> Close() ABSL_LOCKS_EXCLUDED(mu_);
  bool empty() ABSL_LOCKS_EXCLUDED(mu_);

  // Counts what has arrived for a call. RESOURCE_EXHAUSTED, without counting
  // it, beyond the limit of the connection or its user. For the one thread that
  // reads.
  absl::Status Charge(size_t bytes, size_t descriptors);
  void Release(size_t bytes, size_t descriptors);
  // A call that was to be added exists no more, and holds nothing.
  void OnCallGone(bool one_way) { (one_way ? one_ways_ : existing_) -= 1; }

  // Whether the one-way calls, whose number the client does not know, have
  // become so many, or hold so much, that no more should be read before some
  // have ended; and whether enough of them have.
  bool TooManyOneWays() const { return OneWaysExceed(1); }
  bool FewOneWays() const { return !OneWaysExceed(2); }

 private:
  // Whether there are one-way calls, and they or what is held exceed the limit
  // divided by that; of the limits on what is held they leave half to others.
  bool OneWaysExceed(size_t divisor) const;

  const ServerOptions& options_;
  ClientShare* const share_;

  Mutex mu_;
  absl::flat_hash_map<uint32_t, std::shared_ptr<IncomingCall>> calls_
      ABSL_GUARDED_BY(mu_);
  size_t answered_ ABSL_GUARDED_BY(mu_) = 0;  // of them: not one-way
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  // Of all calls that exist, also of those that were cancelled while they wait
  // for a thread or their handlers run on.
  std::atomic<size_t> existing_{0};  // not one-way
  std::atomic<size_t> one_ways_{0};
  std::atomic<size_t> held_bytes_{0};
  std::atomic<size_t> held_descriptors_{0};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_TABLE_H_
