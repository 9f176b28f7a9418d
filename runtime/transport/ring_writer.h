#ifndef FDRPC_TRANSPORT_RING_WRITER_H_
#define FDRPC_TRANSPORT_RING_WRITER_H_

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "transport/region_words.h"
#include "wire/ring_layout.h"

namespace fdrpc {

// The sending side of a ring: it appends bytes to the ring in its own part,
// and publishes them. Of the peer's part it reads how much the peer has
// taken, and whether it sleeps. It makes no system call and does not wait;
// waking the peer is its user's task.
//
// The peer can write anything to its region at any moment. Each of its values
// is read once, and checked: an impossible one makes valid() false for good,
// and nothing more is written. No value makes the writer touch memory outside
// the ring.
//
// Threads: one at a time. `Own` and `Peer` are OwnWords and PeerWords, or a
// test's model of memory.
template <typename Own, typename Peer>
class BasicRingWriter {
 public:
  // Both are borrowed, and unused yet. `ring_bytes`: a power of two. Positions
  // count from `start`, which is for tests.
  BasicRingWriter(Own own, Peer peer, uint32_t ring_bytes, uint32_t start = 0)
      : own_(own),
        peer_(peer),
        bytes_(ring_bytes),
        appended_(start),
        published_(start),
        taken_(start) {}

  // How much the ring holds at most. A word stays free, because the last word
  // is written as a whole, and must not contain bytes that are not taken yet.
  size_t capacity() const { return bytes_ - sizeof(word_); }

  // Whether that many bytes can be appended. Looks at the peer's position only
  // if the last known one does not leave enough room.
  bool HasRoom(size_t bytes) {
    return valid_ && (bytes <= Room() || (UpdateTaken() && bytes <= Room()));
  }
  bool valid() const { return valid_; }

  // There must be room.
  void Append(std::string_view bytes) {
    assert(bytes.size() <= Room());
    const char* from = bytes.data();
    size_t left = bytes.size();
    if (const size_t within = appended_ % sizeof(word_); within > 0) {
      const size_t part = std::min(left, sizeof(word_) - within);
      Put(within, from, part);
      from += part;
      left -= part;
    }
    for (; left >= sizeof(word_); from += sizeof(word_)) {
      Put(0, from, sizeof(word_));
      left -= sizeof(word_);
    }
    if (left > 0) {
      word_ = 0;
      Put(0, from, left);
    }
  }

  enum class Reader {
    kAwake,
    kAsleep,  // the user must wake it; reported once for each sleep
    kEnding,  // it takes nothing more; Ending() says what it took
  };
  // Makes what was appended visible to the reader, and then looks at it.
  //
  // Neither a wake-up nor an end can be missed. The store and the loads are
  // sequentially consistent, and so are the reader's, which stores its word
  // before it looks at the position. In the one order of all four, either this
  // store comes before the reader's look, and the reader sees the bytes; or the
  // reader's store comes before these loads, and they see the word. The store
  // also releases the bytes before it.
  Reader Publish() {
    published_ = appended_;
    own_.Store(ring_layout::kWritten, published_, std::memory_order_seq_cst);
    if (Ending(std::memory_order_seq_cst)) return Reader::kEnding;
    const uint32_t sleep =
        peer_.Load(ring_layout::kSleep, std::memory_order_seq_cst);
    if (sleep % 2 == 0 || sleep == woken_) return Reader::kAwake;
    woken_ = sleep;
    return Reader::kAsleep;
  }

  // Whether the reader has begun to take nothing more.
  bool ending() const { return Ending(std::memory_order_acquire); }
  // After Publish() has returned kEnding: whether the reader takes what was
  // published then. Nothing if that is not known yet: the reader says it in its
  // next steps, but it may be stopped there.
  std::optional<bool> Taken() const {
    switch (static_cast<ring_layout::End>(
        peer_.Load(ring_layout::kEnd, std::memory_order_acquire))) {
      case ring_layout::End::kEnded:
        return peer_.Load(ring_layout::kEndPosition,
                          std::memory_order_relaxed) == published_;
      case ring_layout::End::kGone:
        return true;  // or it is lost, like what is sent to a closing socket
      default:
        return std::nullopt;
    }
  }

  // How much is not taken, as far as is known.
  size_t unread() const { return appended_ - taken_; }

 private:
  size_t Room() const { return capacity() - unread(); }

  // The reader releases its position after it has copied the bytes before it
  // (acquire), so they can be overwritten.
  bool UpdateTaken() {
    const uint32_t taken =
        peer_.Load(ring_layout::kTaken, std::memory_order_acquire);
    // Never backwards, and never beyond what was published. Positions are
    // modulo 2^32, so both are distances.
    if (static_cast<uint32_t>(taken - taken_) >
        static_cast<uint32_t>(published_ - taken_)) {
      valid_ = false;
      return false;
    }
    taken_ = taken;
    return true;
  }

  bool Ending(std::memory_order order) const {
    return peer_.Load(ring_layout::kEnd, order) !=
           static_cast<uint32_t>(ring_layout::End::kNone);
  }

  // Writes a part of the current word. What the word has of earlier bytes is
  // written again: nobody sees a difference.
  void Put(size_t within, const char* from, size_t part) {
    std::memcpy(reinterpret_cast<char*>(&word_) + within, from, part);
    const size_t at = (appended_ - within) & (bytes_ - 1);
    own_.StoreBytes(ring_layout::kRing + at, word_);
    appended_ += static_cast<uint32_t>(part);
  }

  const Own own_;
  const Peer peer_;
  const uint32_t bytes_;
  uint32_t appended_;
  uint32_t published_;
  uint32_t taken_;      // the last that was read of the peer
  uint32_t woken_ = 0;  // the sleep for which kAsleep was returned last
  uint64_t word_ = 0;   // the one that contains appended_
  bool valid_ = true;
};

using RingWriter = BasicRingWriter<OwnWords, PeerWords>;

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_RING_WRITER_H_
