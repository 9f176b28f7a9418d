#ifndef FDRPC_SERVER_ACTIVITY_H_
#define FDRPC_SERVER_ACTIVITY_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "fdrpc/peer_credentials.h"

namespace fdrpc {

// One connection of a server.
struct ConnectionActivity {
  // Of this server, from 1; never used again.
  uint64_t number = 0;
  PeerCredentials peer;
  // Where it was accepted, "unix:/run/x.sock"; "a pair of sockets", or "this
  // process".
  std::string address;
  absl::Duration age;
  bool uses_rings = false;
  // Calls that have begun, including one-way calls, and those whose end is not
  // yet queued.
  uint64_t calls = 0;
  uint64_t calls_in_progress = 0;
  // Since the beginning: frames, with their headers. What is sent is counted
  // after its system call: the peer may have it before it is in these numbers.
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
  uint64_t received_descriptors = 0;
  uint64_t sent_descriptors = 0;
  // At present, as in ServerStatistics: what requests hold, and what waits to
  // be written.
  uint64_t request_bytes = 0;
  uint64_t request_descriptors = 0;
  uint64_t queued_bytes = 0;
  uint64_t queued_descriptors = 0;
};

// What the clients of one user hold at present, as in ServerStatistics, and the
// most that they may hold.
struct UserActivity {
  struct Amount {
    uint64_t held = 0;
    uint64_t limit = 0;
  };
  uid_t uid = static_cast<uid_t>(-1);
  Amount connections;
  // Connections, the descriptors of requests, and what waits to be closed.
  Amount files;
  Amount request_bytes;
  // Descriptors of replies: those that wait to be written, and those that the
  // client has not received.
  Amount queued_descriptors;
  Amount in_flight_descriptors;
  Amount ring_bytes;
};

// The calls of one method, on connections and in datagrams.
struct MethodActivity {
  // How many calls had a latency below `below`, and not below that of the
  // bucket before. A factor of two has four buckets.
  struct Bucket {
    absl::Duration below;  // infinite for the last one
    uint64_t calls = 0;
  };

  std::string name;  // "package.Service/Method"
  uint64_t begun = 0;
  // By the number of the status. A call that is refused before its handler has
  // begun and ended, too.
  std::array<uint64_t, 17> ended = {};
  // From the arrival of the call's beginning until its status is known, for all
  // calls that have ended.
  absl::Duration total_latency;
  // Those with calls, in order.
  std::vector<Bucket> latencies;
};

// What a server does, in detail: Server::activity().
struct ServerActivity {
  std::vector<ConnectionActivity> connections;  // by number
  std::vector<UserActivity> users;              // by uid
  std::vector<MethodActivity> methods;  // in the order of their services
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_ACTIVITY_H_
