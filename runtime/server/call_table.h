#ifndef FDRPC_SERVER_CALL_TABLE_H_
#define FDRPC_SERVER_CALL_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "fdrpc/server.h"
#include "server/connection_account.h"

namespace fdrpc {

class IncomingCall;

// The calls of one connection that are in progress, by id. Any thread.
class CallTable {
 public:
  // Borrows both.
  CallTable(const ServerOptions& options, ConnectionAccount& account)
      : options_(options), account_(account) {}

  // Adds a call that has just been made, and counts it in the account.
  // RESOURCE_EXHAUSTED if the client has reached its limit of calls, which does
  // not apply to one-way calls; UNAVAILABLE after Close().
  absl::Status Add(std::shared_ptr<IncomingCall> call) ABSL_LOCKS_EXCLUDED(mu_);
  // Null if it is not there.
  std::shared_ptr<IncomingCall> Find(uint32_t id) ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<IncomingCall> Remove(uint32_t id) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::shared_ptr<IncomingCall>> All() ABSL_LOCKS_EXCLUDED(mu_);
  // Returns all calls, which stay until they are removed; none can be added any
  // more.
  std::vector<std::shared_ptr<IncomingCall>> Close() ABSL_LOCKS_EXCLUDED(mu_);
  bool empty() ABSL_LOCKS_EXCLUDED(mu_);
  size_t size() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const ServerOptions& options_;
  ConnectionAccount& account_;

  Mutex mu_;
  absl::flat_hash_map<uint32_t, std::shared_ptr<IncomingCall>> calls_
      ABSL_GUARDED_BY(mu_);
  size_t answered_ ABSL_GUARDED_BY(mu_) = 0;  // of them: not one-way
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_TABLE_H_
