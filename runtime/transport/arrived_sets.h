#ifndef FDRPC_TRANSPORT_ARRIVED_SETS_H_
#define FDRPC_TRANSPORT_ARRIVED_SETS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "os/ancillary.h"
#include "transport/frame.h"

namespace fdrpc {

// Gives `frame` its descriptors, which are `set`. INVALID_ARGUMENT if the
// header has another count. If a limit of this side truncated the set, the set
// is closed and the frame is marked.
absl::Status GiveSet(ReceivedDescriptors set, IncomingFrame& frame);

// Determines which set of descriptors belongs to which frame of a stream.
//
// A frame with descriptors starts its own sendmsg(2), so its set arrives in the
// recvmsg(2) that returns its first byte, and one recvmsg(2) returns at most
// one set (unix(7)). Therefore a set belongs to the frame with descriptors that
// starts within the bytes of that recvmsg(2). There must be exactly one such
// frame, and its header must have the same count. Otherwise the peer has broken
// the protocol, which is detected as soon as the frames concerned are complete.
// So at most two sets are held at a time.
class ArrivedSets {
 public:
  // A set has arrived with the bytes [begin, end) of the stream.
  void Add(uint64_t begin, uint64_t end, ReceivedDescriptors set);

  // Gives `frame`, which starts at offset `start`, its set, as GiveSet().
  // INVALID_ARGUMENT also if an earlier set belongs to no frame.
  absl::Status Assign(uint64_t start, IncomingFrame& frame);

  // INVALID_ARGUMENT if a set cannot belong to any frame. `next` is the offset
  // of the first byte that is not part of a complete frame: the frame that
  // starts there can have one set, and later sets would lie within it.
  absl::Status CheckPending(uint64_t next) const;

 private:
  absl::Status CheckUnclaimed(uint64_t next) const;

  struct Set {
    uint64_t begin;
    uint64_t end;
    ReceivedDescriptors descriptors;
  };
  std::vector<Set> sets_;  // not a deque, which allocates even if it is empty
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_ARRIVED_SETS_H_
