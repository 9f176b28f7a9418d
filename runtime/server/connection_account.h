#ifndef FDRPC_SERVER_CONNECTION_ACCOUNT_H_
#define FDRPC_SERVER_CONNECTION_ACCOUNT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "fdrpc/server.h"
#include "server/client_accounts.h"

namespace fdrpc {

// Counts what all calls of one connection make the server hold, from the moment
// each is made until it is gone: the calls themselves, including cancelled ones
// that wait for a thread or whose handlers still run, and what has arrived for
// them. Any thread, except as noted.
class ConnectionAccount {
 public:
  // Borrows both. Without a share, what calls hold counts only for the
  // connection.
  ConnectionAccount(const ServerOptions& options, ClientShare* share)
      : options_(options), share_(share) {}
  ConnectionAccount(const ConnectionAccount&) = delete;
  ConnectionAccount& operator=(const ConnectionAccount&) = delete;

  // Counts a call. Returns how many of its kind there were.
  size_t AddCall(bool one_way) {
    begun_.fetch_add(1, std::memory_order_relaxed);
    return of_kind(one_way).fetch_add(1);
  }
  void RemoveCall(bool one_way) { of_kind(one_way).fetch_sub(1); }
  size_t calls(bool one_way) const { return one_way ? one_ways_ : others_; }
  // How many calls have been counted since the beginning.
  uint64_t calls_begun() const {
    return begun_.load(std::memory_order_relaxed);
  }

  // Counts what has arrived for a call. RESOURCE_EXHAUSTED, without counting
  // it, beyond the limit of the connection or its user. For the reading thread
  // only.
  absl::Status Charge(size_t bytes, size_t descriptors);
  void Release(size_t bytes, size_t descriptors);
  size_t held_bytes() const { return held_bytes_; }
  size_t held_descriptors() const { return held_descriptors_; }

  // Whether the one-way calls, whose number the client does not know, are so
  // many, or hold so much, that nothing more should be read before some have
  // ended; and whether enough of them have.
  bool TooManyOneWays() const { return OneWaysExceed(1); }
  bool FewOneWays() const { return !OneWaysExceed(2); }

 private:
  std::atomic<size_t>& of_kind(bool one_way) {
    return one_way ? one_ways_ : others_;
  }
  // Whether there are one-way calls, and they or what is held exceed the limit
  // divided by `divisor`. They leave half of the limits on what is held to
  // others.
  bool OneWaysExceed(size_t divisor) const;

  const ServerOptions& options_;
  ClientShare* const share_;

  std::atomic<uint64_t> begun_{0};
  std::atomic<size_t> one_ways_{0};
  std::atomic<size_t> others_{0};
  std::atomic<size_t> held_bytes_{0};
  std::atomic<size_t> held_descriptors_{0};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTION_ACCOUNT_H_
