#ifndef FDRPC_CALL_MESSAGE_INBOX_H_
#define FDRPC_CALL_MESSAGE_INBOX_H_

#include <atomic>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/vector_queue.h"
#include "call/credit.h"
#include "call/message_assembler.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// The receiving side of one direction of a call: the messages that have arrived
// and that the user has not taken. A stream has any number, as the credit
// allows; otherwise there is exactly one.
class MessageInbox {
 public:
  // `window`: the initial credit of a stream's sender; none: not a stream.
  MessageInbox(MessageLimits limits, std::optional<Credit> window)
      : assembler_(limits), stream_(window) {}

  // Takes the next piece of a message, as MessageAssembler::Append().
  // INVALID_ARGUMENT if the sender broke the protocol; status() says what makes
  // the call impossible.
  absl::Status Append(std::string_view piece,
                      std::vector<UniqueFd>&& descriptors, bool truncated,
                      bool more, PayloadBuffer&& buffer = {});
  // No more messages follow, for the reason `how`: "the client half-closed".
  // That is impossible within a message, or if the single message has not
  // arrived.
  void Close(std::string_view how);

  // OK, or why further messages cannot be used: a limit, descriptors that the
  // type does not have, a second message where one is expected. Earlier ones
  // can be used.
  const absl::Status& status() const { return status_; }

  // The receiving thread may ask without the lock.
  bool has_message() const {
    return has_message_.load(std::memory_order_acquire);
  }
  bool streams() const { return stream_.has_value(); }
  // Whether a message has begun and is not complete.
  bool partial() const {
    return assembler_.started() && !assembler_.complete();
  }
  // Whether any message has arrived completely, taken or not.
  bool received_any() const {
    return stream_.has_value() ? stream_->received_any : assembler_.complete();
  }

  // Moves the oldest message out, which must exist; returns what to grant the
  // sender for it.
  Credit Take(ReceivedMessage& message);
  // Moves out what a stream has, including an incomplete message, to be
  // dropped. Nothing may be appended afterwards.
  std::vector<ReceivedMessage> TakeAll();

 private:
  // State that only a stream has.
  struct Stream {
    explicit Stream(Credit window) : credit(window) {}

    ReceiveCredit credit;
    bool has_descriptors = false;  // of the message that is being assembled
    bool received_any = false;
    VectorQueue<ReceivedMessage> messages;
  };

  // Spends the sender's credit for the piece; an error if it has none.
  absl::Status Spend(Stream& stream, size_t bytes, size_t descriptors);

  MessageAssembler assembler_;  // the single message stays here
  std::optional<Stream> stream_;
  std::atomic<bool> has_message_{false};
  absl::Status status_;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_MESSAGE_INBOX_H_
