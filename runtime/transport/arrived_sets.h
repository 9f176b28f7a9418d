#ifndef FDRPC_TRANSPORT_ARRIVED_SETS_H_
#define FDRPC_TRANSPORT_ARRIVED_SETS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "os/ancillary.h"
#include "transport/frame.h"

namespace fdrpc {

// Gives `frame`, whose set is `set`, what is its own. INVALID_ARGUMENT if the
// header counts another number. A set that a limit of this side truncated is
// closed, and the frame marked.
absl::Status GiveSet(ReceivedDescriptors set, IncomingFrame& frame);

// Which set of descriptors belongs to which frame of a stream.
//
// A frame with descriptors starts its own sendmsg(2), so its set arrives with
// the recvmsg(2) that brings its first byte, and one recvmsg(2) brings one set
// at most (unix(7)). So a set belongs to the frame with descriptors that starts
// within the bytes of that recvmsg(2): there must be exactly one, and its
// header must count as many. Anything else is a peer that does not keep to the
// protocol; it is found as soon as the frames concerned are complete, so no
// more than two sets are ever held.
class ArrivedSets {
 public:
  // A set arrived with the stream's bytes [begin, end).
  void Add(uint64_t begin, uint64_t end, ReceivedDescriptors set);

  // Gives `frame`, which starts at offset `start`, the set that is its own, as
  // GiveSet(). INVALID_ARGUMENT also if an earlier set belongs to no frame.
  absl::Status Assign(uint64_t start, IncomingFrame& frame);

  // INVALID_ARGUMENT if a set can belong to no frame any more, `next` being the
  // offset of the first byte that is part of no complete frame: the frame that
  // starts there can have one set, and what arrived behind that lies within it.
  absl::Status CheckPending(uint64_t next) const;

 private:
  absl::Status CheckUnclaimed(uint64_t next) const;

  struct Set {
    uint64_t begin;
    uint64_t end;
    ReceivedDescriptors descriptors;
  };
  std::vector<Set> sets_;  // not a deque, which has memory while it is empty
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_ARRIVED_SETS_H_
