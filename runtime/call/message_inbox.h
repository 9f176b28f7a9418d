#ifndef FDRPC_CALL_MESSAGE_INBOX_H_
#define FDRPC_CALL_MESSAGE_INBOX_H_

#include <atomic>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "call/credit.h"
#include "call/message_assembler.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// One direction of a call as its receiver sees it: the messages that have
// arrived and that the user has not taken. Of a stream there may be any number,
// as the credit allows; else there is exactly one.
class MessageInbox {
 public:
  // `window`: the credit that a stream's sender was given; none: not a stream.
  MessageInbox(MessageLimits limits, std::optional<Credit> window)
      : assembler_(limits), streams_(window.has_value()) {
    if (streams_) credit_.emplace(*window);
  }

  // Takes the next piece of a message, as MessageAssembler::Append().
  // INVALID_ARGUMENT if the sender broke the protocol. What is merely
  // impossible, status() says.
  absl::Status Append(std::string_view piece, std::vector<UniqueFd> descriptors,
                      bool truncated, bool more, PayloadBuffer buffer = {});

  // OK, or why messages that arrive can't be used: a limit, descriptors that
  // the type does not have, more than one message where one is expected. Those
  // before it can.
  const absl::Status& status() const { return status_; }

  // The one who takes them may ask without the lock.
  bool has_message() const {
    return has_message_.load(std::memory_order_acquire);
  }
  // Whether a message has begun that is not complete.
  bool partial() const { return assembler_.started(); }
  // Whether any message has arrived as a whole, taken or not.
  bool received_any() const { return received_any_; }

  // Moves the oldest message out; returns what to grant the sender for it.
  Credit Take(ReceivedMessage& message);

 private:
  MessageAssembler assembler_;
  const bool streams_;
  std::optional<ReceiveCredit> credit_;
  bool has_descriptors_ = false;  // the message that is being assembled
  bool received_any_ = false;
  // Of what is no stream.
  std::optional<ReceivedMessage> only_;
  // A stream's, in a queue that costs nothing as long as it is empty: those
  // before first_ have been taken.
  std::vector<ReceivedMessage> messages_;
  size_t first_ = 0;
  std::atomic<bool> has_message_{false};
  absl::Status status_;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_MESSAGE_INBOX_H_
