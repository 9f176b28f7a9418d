#ifndef FDRPC_TRANSPORT_RING_POLICY_H_
#define FDRPC_TRANSPORT_RING_POLICY_H_

#include <cstdint>
#include <memory>

#include "fdrpc/rings.h"
#include "transport/ring_quota.h"
#include "transport/transport.h"
#include "wire/frame_rules.h"

namespace fdrpc {

// What the options of a channel or a server say about rings.
class RingPolicy {
 public:
  // Of ChannelOptions or ServerOptions, which are of rooms above this one.
  template <typename Options>
  explicit RingPolicy(const Options& options)
      : when_(options.rings), ring_bytes_(options.ring_bytes) {}

  // A transport that can have rings beside that of a socket, which it owns; or
  // that of the socket itself, if there are to be none. `quota`, which is for a
  // server, is borrowed.
  std::unique_ptr<Transport> Apply(std::unique_ptr<Transport> socket, Side side,
                                   RingQuota* quota = nullptr) const;

  // For tests: what kAutomatic means in this process from now on.
  static void SetAutomatic(Rings to);

 private:
  Rings when_;
  // Taken as the next power of two within the protocol's limits.
  uint32_t ring_bytes_;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_RING_POLICY_H_
