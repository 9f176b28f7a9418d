#include "transport/ring_policy.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <utility>

#include "transport/ring_transport.h"
#include "wire/ring_layout.h"

namespace fdrpc {
namespace {

constinit std::atomic<Rings> automatic{Rings::kAutomatic};

uint32_t UsableRingBytes(uint32_t bytes) {
  return std::bit_ceil(std::clamp(bytes, ring_layout::kLeastRingBytes,
                                  ring_layout::kMostRingBytes));
}

}  // namespace

void RingPolicy::SetAutomatic(Rings to) { automatic = to; }

std::unique_ptr<Transport> RingPolicy::Apply(std::unique_ptr<Transport> socket,
                                             Side side,
                                             RingQuota* quota) const {
  const Rings use = when_ == Rings::kAutomatic ? automatic.load() : when_;
  if (use == Rings::kOff) return socket;
  return RingTransport::Create(std::move(socket),
                               {.side = side,
                                .ring_bytes = UsableRingBytes(ring_bytes_),
                                .at_once = use == Rings::kAtOnce,
                                .quota = quota});
}

}  // namespace fdrpc
