#ifndef FDRPC_WIRE_RING_LAYOUT_H_
#define FDRPC_WIRE_RING_LAYOUT_H_

#include <bit>
#include <cstddef>
#include <cstdint>

// The bytes of a region (docs/protocol.md, "Rings"): the client's part, and the
// server's behind it. Its owner writes a part, and the peer reads it: four
// words of the owner, each on cache lines of its own, and the ring with what
// the owner sends. The offsets are those within a part.
namespace fdrpc::ring_layout {

// Two cache lines: CPUs fetch them in pairs.
inline constexpr size_t kApart = 128;
// How many bytes the owner has written to its ring, modulo 2^32.
inline constexpr size_t kWritten = 0;
// How many bytes the owner has taken from the peer's ring, modulo 2^32.
inline constexpr size_t kTaken = kApart;
// Odd while the owner sleeps, and must be woken; another number each time.
inline constexpr size_t kSleep = 2 * kApart;
// An End, and for kEnded the count of kTaken at which it is.
inline constexpr size_t kEnd = 3 * kApart;
inline constexpr size_t kEndPosition = kEnd + sizeof(uint32_t);
inline constexpr size_t kRing = 4096;

enum class End : uint32_t {
  kNone = 0,
  kEnding = 1,  // the owner is about to say where it ends
  kEnded = 2,   // it takes nothing after that position
  kGone = 3,    // it may take nothing more
};

inline constexpr uint32_t kLeastRingBytes = 16u << 10;
inline constexpr uint32_t kMostRingBytes = 4u << 20;

// A power of two within these limits.
constexpr bool IsRingSize(uint32_t bytes) {
  return bytes >= kLeastRingBytes && bytes <= kMostRingBytes &&
         std::has_single_bit(bytes);
}
constexpr size_t PartBytes(uint32_t ring_bytes) { return kRing + ring_bytes; }
constexpr size_t RegionBytes(uint32_t client_ring_bytes,
                             uint32_t server_ring_bytes) {
  return PartBytes(client_ring_bytes) + PartBytes(server_ring_bytes);
}

}  // namespace fdrpc::ring_layout

#endif  // FDRPC_WIRE_RING_LAYOUT_H_
