#ifndef FDRPC_CALL_MESSAGE_INBOX_H_
#define FDRPC_CALL_MESSAGE_INBOX_H_

#include <atomic>
#include <cstddef>
#include <memory>
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
      : assembler_(limits),
        stream_(window.has_value() ? std::make_unique<Stream>(*window)
                                   : nullptr) {}

  // Takes the next piece of a message, as MessageAssembler::Append().
  // INVALID_ARGUMENT if the sender broke the protocol. What is merely
  // impossible, status() says.
  absl::Status Append(std::string_view piece, std::vector<UniqueFd> descriptors,
                      bool truncated, bool more, PayloadBuffer buffer = {});
  // No more messages come, as `how` says: "the client half-closed". That is
  // impossible within a message, or without the one that is due.
  void Close(std::string_view how);

  // OK, or why messages that arrive can't be used: a limit, descriptors that
  // the type does not have, more than one message where one is expected. Those
  // before it can.
  const absl::Status& status() const { return status_; }

  // The one who takes them may ask without the lock.
  bool has_message() const {
    return has_message_.load(std::memory_order_acquire);
  }
  bool streams() const { return stream_ != nullptr; }
  // Whether a message has begun that is not complete.
  bool partial() const {
    return assembler_.started() && !assembler_.complete();
  }
  // Whether any message has arrived as a whole, taken or not.
  bool received_any() const {
    return stream_ != nullptr ? stream_->received_any : assembler_.complete();
  }

  // Moves the oldest message out, which there is; returns what to grant the
  // sender for it.
  Credit Take(ReceivedMessage& message);
  // Moves out what there is of a stream, the beginning of a message too, to be
  // dropped. Nothing is appended any more.
  std::vector<ReceivedMessage> TakeAll();

 private:
  // What only a stream has.
  struct Stream {
    explicit Stream(Credit window) : credit(window) {}

    ReceiveCredit credit;
    bool has_descriptors = false;  // the message that is being assembled
    bool received_any = false;
    // A queue that costs nothing as long as it is empty: those before `first`
    // have been taken.
    std::vector<ReceivedMessage> messages;
    size_t first = 0;
  };

  // Whether the sender has credit for the piece, which is spent.
  absl::Status Spend(Stream& stream, size_t bytes, size_t descriptors);

  MessageAssembler assembler_;  // the single message stays here
  const std::unique_ptr<Stream> stream_;
  std::atomic<bool> has_message_{false};
  absl::Status status_;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_MESSAGE_INBOX_H_
