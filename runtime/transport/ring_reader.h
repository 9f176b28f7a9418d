#ifndef FDRPC_TRANSPORT_RING_READER_H_
#define FDRPC_TRANSPORT_RING_READER_H_

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "absl/types/span.h"
#include "transport/region_words.h"
#include "wire/ring_layout.h"

namespace fdrpc {

// The receiving side of a ring: it copies bytes out of the peer's ring, and
// says in its own part how much it has taken, and whether it sleeps. It makes
// no system call and does not wait.
//
// The peer can write anything to its region at any moment. Its position is read
// once for each look, and checked: an impossible one makes valid() false for
// good, and nothing more is there. Nobody looks at a byte of the ring before it
// has been copied.
//
// Threads: one at a time. `Own` and `Peer` are OwnWords and PeerWords, or a
// test's model of memory.
template <typename Own, typename Peer>
class BasicRingReader {
 public:
  // Both are borrowed, and unused yet. `peer_ring_bytes`: the size of the
  // peer's ring, a power of two. Positions count from `start`, which is for
  // tests.
  BasicRingReader(Own own, Peer peer, uint32_t peer_ring_bytes,
                  uint32_t start = 0)
      : own_(own),
        peer_(peer),
        bytes_(peer_ring_bytes),
        taken_(start),
        written_(start) {}

  // Looks whether there is anything. The bytes were released before the
  // position (acquire).
  bool Look() { return Look(std::memory_order_acquire); }
  bool valid() const { return valid_; }
  // What was there at the last look.
  size_t available() const { return written_ - taken_; }

  // Copies as much of what is available as there is space for, and gives the
  // space back. Returns the number of bytes.
  size_t Take(absl::Span<char> to) {
    const size_t count = std::min(available(), to.size());
    if (count == 0) return 0;
    char* out = to.data();
    size_t left = count;
    if (const size_t within = taken_ % sizeof(uint64_t); within > 0) {
      const size_t part = std::min(left, sizeof(uint64_t) - within);
      Get(within, out, part);
      out += part;
      left -= part;
    }
    for (; left >= sizeof(uint64_t); out += sizeof(uint64_t)) {
      Get(0, out, sizeof(uint64_t));
      left -= sizeof(uint64_t);
    }
    if (left > 0) Get(0, out, left);
    // Release: the writer overwrites the bytes only after this, that is, after
    // they have been copied.
    own_.Store(ring_layout::kTaken, taken_, std::memory_order_release);
    return count;
  }

  // To be called before the user waits to be woken. False if there is something
  // now, or the peer's position is impossible: then it must not wait. Why no
  // wake-up can be missed: BasicRingWriter::Publish().
  bool PrepareToSleep() {
    if (sleep_ % 2 == 0) {
      own_.Store(ring_layout::kSleep, ++sleep_, std::memory_order_seq_cst);
    }
    if (!Look(std::memory_order_seq_cst) && valid_) return true;
    Wake();
    return false;
  }
  bool asleep() const { return sleep_ % 2 == 1; }
  // It waits no more. The peer may still see the word for a moment, and then
  // wakes it in vain.
  void Wake() {
    if (!asleep()) return;
    own_.Store(ring_layout::kSleep, ++sleep_, std::memory_order_relaxed);
  }

  // Takes nothing that is published after this. The writer learns what was
  // published before, and so what is taken: BasicRingWriter::Publish().
  void End() {
    if (end_.has_value()) return;
    StoreEnd(ring_layout::End::kEnding, std::memory_order_seq_cst);
    Look(std::memory_order_seq_cst);
    end_ = written_;
    own_.Store(ring_layout::kEndPosition, *end_, std::memory_order_relaxed);
    StoreEnd(ring_layout::End::kEnded, std::memory_order_release);
  }

 private:
  bool Look(std::memory_order order) {
    if (!valid_ || end_.has_value()) return available() > 0;
    const uint32_t written = peer_.Load(ring_layout::kWritten, order);
    // Never backwards, and never more than the ring holds. Positions are modulo
    // 2^32, so both are distances.
    const uint32_t there = written - taken_;
    if (there > bytes_ || there < available()) {
      valid_ = false;
      written_ = taken_;
      return false;
    }
    written_ = written;
    return there > 0;
  }

  void StoreEnd(ring_layout::End end, std::memory_order order) {
    own_.Store(ring_layout::kEnd, static_cast<uint32_t>(end), order);
  }

  // Copies a part of a word.
  void Get(size_t within, char* to, size_t part) {
    const size_t at = (taken_ - within) & (bytes_ - 1);
    const uint64_t word = peer_.LoadBytes(ring_layout::kRing + at);
    std::memcpy(to, reinterpret_cast<const char*>(&word) + within, part);
    taken_ += static_cast<uint32_t>(part);
  }

  const Own own_;
  const Peer peer_;
  const uint32_t bytes_;
  uint32_t taken_;
  uint32_t written_;    // at the last look
  uint32_t sleep_ = 0;  // odd: asleep
  std::optional<uint32_t> end_;
  bool valid_ = true;
};

using RingReader = BasicRingReader<OwnWords, PeerWords>;

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_RING_READER_H_
