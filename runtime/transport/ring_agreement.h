#ifndef FDRPC_TRANSPORT_RING_AGREEMENT_H_
#define FDRPC_TRANSPORT_RING_AGREEMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"
#include "os/shared_region.h"
#include "transport/region_words.h"
#include "transport/ring_quota.h"
#include "wire/frame_rules.h"
#include "wire/ring_layout.h"

namespace fdrpc {

// The region of a connection, with the rings of the two sides, which counts in
// a quota.
class RingPair {
 public:
  // Of `side`. Borrows the quota, which has counted the region; null: it does
  // not count.
  RingPair(Side side, uint32_t own_ring_bytes, uint32_t peer_ring_bytes,
           RingQuota* quota)
      : side_(side),
        own_ring_bytes_(own_ring_bytes),
        peer_ring_bytes_(peer_ring_bytes),
        quota_(quota) {}
  ~RingPair() {
    OnFileClosed();
    if (quota_ != nullptr) quota_->Remove(region_bytes());
  }
  RingPair(const RingPair&) = delete;
  RingPair& operator=(const RingPair&) = delete;

  uint32_t own_ring_bytes() const { return own_ring_bytes_; }
  uint32_t peer_ring_bytes() const { return peer_ring_bytes_; }
  size_t region_bytes() const {
    return ring_layout::RegionBytes(own_ring_bytes_, peer_ring_bytes_);
  }
  // Once, before the parts are used.
  void Have(SharedRegion region) { region_ = std::move(region); }
  bool mapped() const { return !region_.empty(); }
  // The region's descriptor is closed, and counts no more.
  void OnFileClosed() {
    if (quota_ != nullptr && std::exchange(counts_file_, false)) {
      quota_->RemoveFile();
    }
  }
  OwnWords own() const {
    return RegionWords(side_ == Side::kClient ? region_.data() : Second());
  }
  PeerWords peer() const {
    return RegionWords(side_ == Side::kClient ? Second() : region_.data());
  }

 private:
  char* Second() const {
    return region_.data() + ring_layout::PartBytes(side_ == Side::kClient
                                                       ? own_ring_bytes_
                                                       : peer_ring_bytes_);
  }

  const Side side_;
  const uint32_t own_ring_bytes_;
  const uint32_t peer_ring_bytes_;
  RingQuota* const quota_;
  bool counts_file_ = true;
  SharedRegion region_;
};

// How far the two sides of a connection have agreed on rings (docs/protocol.md,
// "Rings"): the part of a RingTransport's state that its sender and its
// receiver share. It makes and joins the region; it sends nothing.
//
// Threads: any. Sender and receiver each keep the region with a reference of
// their own; the last one unmaps it.
class RingAgreement {
 public:
  // Only once both hellos have the feature. Without `with_one_cpu`, a process
  // that may use only one CPU refuses rings. `quota` counts those of a server's
  // client, and may refuse them; borrowed, null for none.
  RingAgreement(Side side, uint32_t ring_bytes, bool with_one_cpu,
                RingQuota* quota)
      : side_(side),
        ring_bytes_(ring_bytes),
        with_one_cpu_(with_one_cpu),
        quota_(quota) {}

  Side side() const { return side_; }
  uint32_t ring_bytes() const { return ring_bytes_; }
  // For a client: asks for rings, unless they were refused before. Or gives up
  // those that there are, on either side.
  void Want();
  void GiveUp();
  // Whether both sides have them.
  bool has_both() const { return has_both_.load(std::memory_order_relaxed); }

  // The sender's part. What it has to send now, which is from here on taken as
  // sent, because the answer may arrive before the send has returned.
  enum class Task { kNone, kWantRings, kRegion, kNoRings };
  Task TakeTask();
  // Whether TakeTask() or SendingRings() have anything new.
  bool has_news() const { return news_.load(std::memory_order_acquire); }
  // For kRegion: its descriptor.
  absl::StatusOr<SharedFd> MakeRegion();
  // The region could not be made or sent; the next task may be another one.
  void RegionNotSent();
  // The rings, once this side may send in its own; otherwise null.
  std::shared_ptr<const RingPair> SendingRings();

  // The receiver's part: frames of the peer. INVALID_ARGUMENT, with the
  // mistake, if the peer may not send them now, or its region is none.
  absl::Status OnWantRings(uint32_t ring_bytes);
  // `file` is empty if a limit of this side truncated it.
  absl::Status OnRegion(uint32_t ring_bytes, UniqueFd file);
  absl::StatusOr<std::shared_ptr<const RingPair>> OnToRing();
  // The peer writes nothing more to its ring.
  absl::Status OnNoRings();

  // Tells the peer, through its own part, that this side takes nothing more.
  void Gone();

 private:
  enum class Phase : uint8_t {
    kNone,
    kWanting,    // a client: want-rings is to be sent
    kWanted,     // it was; the server's region is to come, or its no-rings
    kAnswering,  // a server: its region is to be sent
    kBoth,       // it was; or a client: it came
    kEnding,     // no-rings is to be sent
    kEnded,      // it was; the peer's is to come
    kRefused,    // a client: either side has refused, so it asks no more
  };

  void Enter(Phase phase) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The rings with such a peer, which count from then on; null if they may not
  // be.
  std::shared_ptr<RingPair> NewRings(uint32_t peer_ring_bytes) const;
  void CloseRegionFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Both have said that they use no rings.
  void Forget() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Side side_;
  const uint32_t ring_bytes_;
  const bool with_one_cpu_;
  RingQuota* const quota_;
  std::atomic<bool> news_{false};
  std::atomic<bool> has_both_{false};

  mutable Mutex mu_;
  Phase phase_ ABSL_GUARDED_BY(mu_) = Phase::kNone;
  std::shared_ptr<RingPair> rings_ ABSL_GUARDED_BY(mu_);
  // A server's, until the client has switched, and so has joined.
  SharedFd region_file_ ABSL_GUARDED_BY(mu_);
  bool peer_switched_ ABSL_GUARDED_BY(mu_) = false;
  int times_wanted_ ABSL_GUARDED_BY(mu_) = 0;  // by a client
  bool refused_ ABSL_GUARDED_BY(mu_) = false;
  bool peer_ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_RING_AGREEMENT_H_
