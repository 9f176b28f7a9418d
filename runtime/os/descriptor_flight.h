#ifndef FDRPC_OS_DESCRIPTOR_FLIGHT_H_
#define FDRPC_OS_DESCRIPTOR_FLIGHT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "os/descriptor_quota.h"

namespace fdrpc {

// Limits the descriptors in flight on one Unix-domain socket, which are those
// sent and not yet received. The kernel counts the descriptors in flight of all
// sockets of a user against RLIMIT_NOFILE (ETOOMANYREFS). Without this limit,
// peers that do not read could use that up for everybody.
//
// Several sockets may also share a limit (DescriptorQuota): those of one peer,
// which could otherwise have any number of sockets. Once the shared limit is
// reached, each of them has one message in flight, or two small ones.
//
// How much has been received is derived from what the kernel reports
// (SIOCOUTQ). A peer need not confirm anything, and cannot claim to have
// received what it has not. If the socket has one receiver, what is unreceived
// was sent last. If each message may have another receiver, anything may be
// unreceived, until nothing is.
//
// Threads: the sender's only. Borrows the socket.
class DescriptorFlight {
 public:
  // The limit of one socket: this fraction of the user's limit, and at most
  // kMost.
  static constexpr size_t kPartOfLimit = 32;
  static constexpr size_t kMost = 128;

  enum class Receivers { kOne, kMany };

  explicit DescriptorFlight(Receivers receivers = Receivers::kOne);
  ~DescriptorFlight() {
    if (together_ != nullptr) together_->Remove(in_flight_);
  }
  DescriptorFlight(const DescriptorFlight&) = delete;
  DescriptorFlight& operator=(const DescriptorFlight&) = delete;

  // Also counts in `together`, once, what is in flight already and what
  // follows. Borrowed.
  void CountTogether(DescriptorQuota& together) {
    together_ = &together;
    together.Add(in_flight_);
  }

  // Call it before each send.
  void BeforeSend(int socket) {
    if (lowered_) RestoreSendBuffer(socket);
  }
  // Whether that many may be sent now. A message is always allowed if nothing
  // else is in flight. After false, with one receiver, send nothing until
  // `socket` polls as writable, which happens once it has received some.
  bool MaySend(int socket, size_t descriptors) {
    return Fits(descriptors) || FitsByKernel(socket, descriptors);
  }
  // One send(2) or sendmsg(2) has taken that much.
  void Sent(size_t bytes, size_t descriptors) {
    sent_ += bytes + kLeastOverhead;
    if (descriptors == 0) return;
    sets_.push_back({sent_ - bytes - kLeastOverhead, descriptors});
    in_flight_ += descriptors;
    if (together_ != nullptr) together_->Add(descriptors);
  }

  // An upper bound: it may include descriptors that have just been received.
  size_t in_flight() const { return in_flight_; }

 private:
  // What the kernel charges for each socket buffer in addition to its bytes:
  // struct sk_buff and struct skb_shared_info, which are larger on every 64-bit
  // machine.
  static constexpr size_t kLeastOverhead = 512;

  struct Set {
    uint64_t begin;  // its position in what was sent
    size_t descriptors;
  };

  // By the last known state, without asking the kernel.
  bool Fits(size_t descriptors) const {
    if (in_flight_ == 0) return true;
    return in_flight_ + descriptors <= most_ &&
           (together_ == nullptr ||
            together_->held() + descriptors <= together_->most());
  }
  bool FitsByKernel(int socket, size_t descriptors);
  // Forgets the descriptors that must have been received if `unreceived` bytes
  // are not.
  void ForgetReceived(size_t unreceived);
  // Makes the socket poll as writable once half of `unreceived` has been
  // received. False if it would poll as writable at once.
  bool LowerSendBuffer(int socket, int unreceived);
  void RestoreSendBuffer(int socket);

  const Receivers receivers_;
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
