#include "transport/ring_agreement.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "os/busy_poll.h"
#include "transport/region_words.h"
#include "wire/ring_layout.h"

namespace fdrpc {
namespace {

// How often a server makes a region on one connection. Each costs it some
// hundred microseconds, and a client little more than two frames.
constexpr int kMostRegions = 16;

absl::Status CheckRingSize(uint32_t ring_bytes) {
  if (ring_layout::IsRingSize(ring_bytes)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a ring of ", ring_bytes, " bytes: no power of two"));
}

}  // namespace

void RingAgreement::Enter(Phase phase) {
  phase_ = phase;
  has_both_.store(phase == Phase::kBoth, std::memory_order_relaxed);
  news_.store(true, std::memory_order_release);
}

void RingAgreement::CloseRegionFile() {
  region_file_ = SharedFd();
  if (rings_ != nullptr) rings_->OnFileClosed();
}

void RingAgreement::Forget() {
  CloseRegionFile();
  rings_.reset();
  peer_switched_ = false;
  peer_ended_ = false;
  phase_ = refused_ ? Phase::kRefused : Phase::kNone;
}

void RingAgreement::Want() {
  MutexLock lock(mu_);
  if (side_ == Side::kClient && phase_ == Phase::kNone) {
    Enter(Phase::kWanting);
  }
}

void RingAgreement::GiveUp() {
  MutexLock lock(mu_);
  if (phase_ != Phase::kBoth) return;
  // Further requests follow from this, so they are no more frequent.
  times_wanted_ = 0;
  Enter(Phase::kEnding);
}

RingAgreement::Task RingAgreement::TakeTask() {
  MutexLock lock(mu_);
  switch (phase_) {
    case Phase::kWanting:
      phase_ = Phase::kWanted;
      return Task::kWantRings;
    case Phase::kAnswering:
      Enter(Phase::kBoth);
      return Task::kRegion;
    case Phase::kEnding:
      if (peer_ended_) {
        Forget();
      } else {
        phase_ = Phase::kEnded;
      }
      return Task::kNoRings;
    default:
      return Task::kNone;
  }
}

absl::StatusOr<SharedFd> RingAgreement::MakeRegion() {
  std::shared_ptr<RingPair> rings;
  {
    MutexLock lock(mu_);
    rings = rings_;
  }
  absl::StatusOr<SharedRegion::Made> made =
      SharedRegion::Make(rings->region_bytes());
  if (!made.ok()) {
    RegionNotSent();
    return made.status();
  }
  MutexLock lock(mu_);
  rings->Have(std::move(made->region));
  region_file_ = SharedFd(std::move(made->file));
  return region_file_;
}

void RingAgreement::RegionNotSent() {
  MutexLock lock(mu_);
  Enter(Phase::kEnding);
}

std::shared_ptr<const RingPair> RingAgreement::SendingRings() {
  MutexLock lock(mu_);
  news_.store(phase_ == Phase::kWanting || phase_ == Phase::kAnswering ||
                  phase_ == Phase::kEnding,
              std::memory_order_release);
  if (phase_ != Phase::kBoth) return nullptr;
  return side_ == Side::kClient || peer_switched_ ? rings_ : nullptr;
}

std::shared_ptr<RingPair> RingAgreement::NewRings(
    uint32_t peer_ring_bytes) const {
  if (!with_one_cpu_ && !BusyPoll::HasSeveralCpus()) return nullptr;
  const size_t bytes = ring_layout::RegionBytes(ring_bytes_, peer_ring_bytes);
  if (quota_ != nullptr && !quota_->Add(bytes)) return nullptr;
  return std::make_shared<RingPair>(side_, ring_bytes_, peer_ring_bytes,
                                    quota_);
}

absl::Status RingAgreement::OnWantRings(uint32_t ring_bytes) {
  absl::Status size = CheckRingSize(ring_bytes);
  if (!size.ok()) return size;
  MutexLock lock(mu_);
  if (phase_ != Phase::kNone) {
    return absl::InvalidArgumentError("it wants rings, which it may not now");
  }
  if (++times_wanted_ <= kMostRegions) rings_ = NewRings(ring_bytes);
  Enter(rings_ != nullptr ? Phase::kAnswering : Phase::kEnding);
  return absl::OkStatus();
}

absl::Status RingAgreement::OnRegion(uint32_t ring_bytes, UniqueFd file) {
  absl::Status size = CheckRingSize(ring_bytes);
  if (!size.ok()) return size;
  {
    MutexLock lock(mu_);
    if (phase_ != Phase::kWanted) {
      return absl::InvalidArgumentError("a region that it may not send now");
    }
  }
  // Until this has been handled, nothing else changes that phase.
  std::shared_ptr<RingPair> rings = NewRings(ring_bytes);
  if (rings != nullptr && file.ok()) {
    absl::StatusOr<SharedRegion> region =
        SharedRegion::Join(std::move(file), rings->region_bytes());
    if (absl::IsInvalidArgument(region.status())) return region.status();
    if (region.ok()) rings->Have(*std::move(region));
  }
  MutexLock lock(mu_);
  if (rings == nullptr || !rings->mapped()) {
    // Not the peer's fault, and no harm: the connection stays on its socket.
    refused_ = true;
    Enter(Phase::kEnding);
    return absl::OkStatus();
  }
  rings_ = std::move(rings);
  Enter(Phase::kBoth);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const RingPair>> RingAgreement::OnToRing() {
  MutexLock lock(mu_);
  // Also while this side gives up: the peer may not know that yet.
  if (rings_ == nullptr || !rings_->mapped() || peer_ended_) {
    return absl::InvalidArgumentError(
        "it switches to a ring that is not there");
  }
  if (!peer_switched_) {
    if (side_ == Side::kServer) {
      absl::Status joined =
          SharedRegion::CheckJoined(region_file_.get(), rings_->region_bytes());
      if (!joined.ok()) return joined;
      CloseRegionFile();
    }
    peer_switched_ = true;
    news_.store(true, std::memory_order_release);
  }
  return std::shared_ptr<const RingPair>(rings_);
}

absl::Status RingAgreement::OnNoRings() {
  MutexLock lock(mu_);
  switch (phase_) {
    case Phase::kWanted:
      refused_ = true;
      [[fallthrough]];
    case Phase::kBoth:
    case Phase::kEnding:
      if (peer_ended_) break;
      peer_ended_ = true;
      Enter(Phase::kEnding);
      return absl::OkStatus();
    case Phase::kEnded:
      Forget();
      return absl::OkStatus();
    default:
      break;
  }
  return absl::InvalidArgumentError("it gives up a ring that is not there");
}

void RingAgreement::Gone() {
  MutexLock lock(mu_);
  // Until the client has joined it can take pages away, and is on the socket.
  const bool joined = side_ == Side::kClient || peer_switched_;
  if (rings_ == nullptr || !rings_->mapped() || !joined) return;
  rings_->own().Store(ring_layout::kEnd,
                      static_cast<uint32_t>(ring_layout::End::kGone),
                      std::memory_order_release);
}

}  // namespace fdrpc
