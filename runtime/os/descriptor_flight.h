#ifndef FDRPC_OS_DESCRIPTOR_FLIGHT_H_
#define FDRPC_OS_DESCRIPTOR_FLIGHT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "os/descriptor_quota.h"

namespace fdrpc {

// The descriptors in flight on one socket of the Unix domain, that is, sent and
// not yet received, and their bound. The kernel counts those of all sockets for
// the user who sent them, against RLIMIT_NOFILE (ETOOMANYREFS): peers that do
// not read could have everybody else's refused.
//
// Several sockets may have a bound together, too: those of one peer, who could
// have any number of them. Where that is reached, each of them has one message
// in flight, or two small ones.
//
// What is in flight follows from what the kernel says is unreceived: no peer
// can claim to have received what it has not, and none has to say anything.
//
// Threads: the one that sends.
class DescriptorFlight {
 public:
  // Of the user's limit one socket has at most so large a part, and never more
  // than that in all.
  static constexpr size_t kPartOfLimit = 32;
  static constexpr size_t kMost = 128;

  DescriptorFlight();
  ~DescriptorFlight() {
    if (together_ != nullptr) together_->Remove(in_flight_);
  }
  DescriptorFlight(const DescriptorFlight&) = delete;
  DescriptorFlight& operator=(const DescriptorFlight&) = delete;

  // Counts what is in flight there, too, from the beginning. Borrowed.
  void CountTogether(DescriptorQuota& together) { together_ = &together; }

  // Before anything is sent.
  void BeforeSend(int socket) {
    if (lowered_) Restore(socket);
  }
  // Whether so many may be sent now. What goes alone always may. If not,
  // nothing is to be sent before `socket` polls as writable, which it does not
  // before the peer has received some.
  bool MaySend(int socket, size_t descriptors) {
    return Fits(descriptors) || LooksFit(socket, descriptors);
  }
  // One send(2) or sendmsg(2) took so much.
  void Sent(size_t bytes, size_t descriptors) {
    sent_ += bytes + kLeastOverhead;
    if (descriptors == 0) return;
    sets_.push_back({sent_ - bytes - kLeastOverhead, descriptors});
    in_flight_ += descriptors;
    if (together_ != nullptr) together_->Add(descriptors);
  }

  // As far as is known; those that have been received meanwhile included.
  size_t in_flight() const { return in_flight_; }

 private:
  // Of a socket buffer of the kernel's, beside its bytes: struct sk_buff and
  // struct skb_shared_info, which are more on every 64-bit machine.
  static constexpr size_t kLeastOverhead = 512;

  struct Set {
    uint64_t begin;  // in what was sent
    size_t descriptors;
  };

  // By what is known.
  bool Fits(size_t descriptors) const {
    if (in_flight_ == 0) return true;
    return in_flight_ + descriptors <= most_ &&
           (together_ == nullptr ||
            together_->held() + descriptors <= together_->most());
  }
  bool LooksFit(int socket, size_t descriptors);
  // Forgets those that must have been received, if that much is unreceived.
  void Land(size_t unreceived);
  // Has the socket poll as writable once half of that has been received; false
  // if it would be at once.
  bool Lower(int socket, int unreceived);
  void Restore(int socket);

  const size_t most_;
  DescriptorQuota* together_ = nullptr;
  uint64_t sent_ = 0;  // at least, as the kernel counts memory
  std::vector<Set> sets_;
  size_t in_flight_ = 0;
  bool lowered_ = false;
  int send_buffer_ = 0;  // its size; 0: not known yet
};

}  // namespace fdrpc

#endif  // FDRPC_OS_DESCRIPTOR_FLIGHT_H_
