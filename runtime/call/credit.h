#ifndef FDRPC_CALL_CREDIT_H_
#define FDRPC_CALL_CREDIT_H_

#include <cstddef>
#include <cstdint>

#include "wire/limits.h"

namespace fdrpc {

// An amount that flow control counts (docs/protocol.md, "Flow control").
struct Credit {
  uint32_t bytes = 0;
  uint32_t descriptors = 0;

  bool empty() const { return bytes == 0 && descriptors == 0; }

  friend bool operator==(const Credit&, const Credit&) = default;
};

// The credit of a sender of a stream's messages. A message may begin while any
// credit is left, and is then sent whole, so the balance can fall below zero by
// less than one message.
class SendCredit {
 public:
  explicit SendCredit(Credit initial)
      : bytes_(initial.bytes), descriptors_(initial.descriptors) {}

  bool Allows(size_t descriptors) const {
    return bytes_ > 0 && (descriptors == 0 || descriptors_ > 0);
  }
  void Spend(size_t bytes, size_t descriptors) {
    bytes_ -= static_cast<int64_t>(bytes + kMessageCostBytes);
    descriptors_ -= static_cast<int64_t>(descriptors);
  }
  // False if the peer grants more than the protocol allows.
  bool Grant(Credit credit) {
    bytes_ += credit.bytes;
    descriptors_ += credit.descriptors;
    return bytes_ <= kMaxCredit && descriptors_ <= kMaxCredit;
  }

 private:
  int64_t bytes_;
  int64_t descriptors_;
};

// The receiver's counterpart: checks whether a message was allowed, and when
// the sender is to be granted more. Grants come in portions of half the window,
// so that they cost few frames.
class ReceiveCredit {
 public:
  explicit ReceiveCredit(Credit window)
      : window_(window),
        bytes_(window.bytes),
        descriptors_(window.descriptors) {}

  // Whether the sender may begin a message, and attach descriptors.
  bool AllowsMessage() const { return bytes_ > 0; }
  bool AllowsDescriptors() const { return descriptors_ > 0; }
  void MessageBegins() { bytes_ -= int64_t{kMessageCostBytes}; }
  void Arrived(size_t bytes, size_t descriptors) {
    bytes_ -= static_cast<int64_t>(bytes);
    descriptors_ -= static_cast<int64_t>(descriptors);
  }

  // The user has taken a message of that size. Returns what to grant the sender
  // now: nothing while it has half of the window.
  Credit Consumed(size_t bytes, size_t descriptors) {
    consumed_bytes_ += bytes + kMessageCostBytes;
    consumed_descriptors_ += descriptors;
    Credit grant;
    if (consumed_bytes_ >= window_.bytes / 2) {
      grant.bytes = static_cast<uint32_t>(consumed_bytes_);
      bytes_ += static_cast<int64_t>(consumed_bytes_);
      consumed_bytes_ = 0;
    }
    if (consumed_descriptors_ > 0 &&
        consumed_descriptors_ >= window_.descriptors / 2) {
      grant.descriptors = static_cast<uint32_t>(consumed_descriptors_);
      descriptors_ += static_cast<int64_t>(consumed_descriptors_);
      consumed_descriptors_ = 0;
    }
    return grant;
  }

 private:
  const Credit window_;
  int64_t bytes_;
  int64_t descriptors_;
  size_t consumed_bytes_ = 0;
  size_t consumed_descriptors_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_CREDIT_H_
