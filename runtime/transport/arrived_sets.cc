#include "transport/arrived_sets.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace fdrpc {

absl::Status GiveSet(ReceivedDescriptors set, IncomingFrame& frame) {
  const size_t announced = frame.header.descriptor_count;
  if (set.truncated) {
    frame.descriptors_truncated = true;
    return absl::OkStatus();
  }
  if (set.fds.size() != announced) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame announces ", announced, " descriptors but ",
                     set.fds.empty() ? "none" : absl::StrCat(set.fds.size()),
                     " came with it"));
  }
  frame.descriptors = std::move(set.fds);
  return absl::OkStatus();
}

void ArrivedSets::Add(uint64_t begin, uint64_t end, ReceivedDescriptors set) {
  sets_.push_back({begin, end, std::move(set)});
}

absl::Status ArrivedSets::Assign(uint64_t start, IncomingFrame& frame) {
  absl::Status unclaimed = CheckUnclaimed(start);
  if (!unclaimed.ok()) return unclaimed;
  if (frame.header.descriptor_count == 0) return absl::OkStatus();
  if (sets_.empty() || sets_.front().begin > start) return GiveSet({}, frame);
  ReceivedDescriptors set = std::move(sets_.front().descriptors);
  sets_.erase(sets_.begin());
  return GiveSet(std::move(set), frame);
}

absl::Status ArrivedSets::CheckPending(uint64_t next) const {
  if (sets_.size() > 1) {
    return absl::InvalidArgumentError(
        "descriptors came with bytes in the middle of a frame");
  }
  return CheckUnclaimed(next);
}

absl::Status ArrivedSets::CheckUnclaimed(uint64_t next) const {
  if (sets_.empty() || sets_.front().end > next) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "descriptors came with bytes in which no frame announces any");
}

}  // namespace fdrpc
