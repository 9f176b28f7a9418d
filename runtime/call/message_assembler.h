#ifndef FDRPC_CALL_MESSAGE_ASSEMBLER_H_
#define FDRPC_CALL_MESSAGE_ASSEMBLER_H_

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/payload_buffer.h"
#include "call/received_bytes.h"
#include "fdrpc/unique_fd.h"
#include "os/background_close.h"

namespace fdrpc {

// The bytes and descriptors of a message, as they arrived.
struct ReceivedMessage {
  ReceivedMessage() = default;
  ReceivedMessage(ReceivedBytes received, std::vector<UniqueFd> with)
      : bytes(std::move(received)), descriptors(std::move(with)) {}
  ReceivedMessage(ReceivedMessage&&) = default;
  ReceivedMessage& operator=(ReceivedMessage&& other) noexcept {
    bytes = std::move(other.bytes);
    CloseDescriptors();
    descriptors = std::move(other.descriptors);
    return *this;
  }
  ~ReceivedMessage() { CloseDescriptors(); }

  // Quick if it has been moved from.
  void Clear() {
    bytes.Clear();
    CloseDescriptors();
  }

  ReceivedBytes bytes;
  std::vector<UniqueFd> descriptors;

 private:
  void CloseDescriptors() {
    if (!descriptors.empty()) CloseInBackground(std::exchange(descriptors, {}));
  }
};

struct MessageLimits {
  size_t bytes = 0;
  size_t descriptors = 0;  // 0: the method's type carries none
};

// RESOURCE_EXHAUSTED: a limit of this side kept descriptors from arriving.
absl::Status DescriptorsCutOff();

// Puts the pieces of one direction's messages together, within limits. What
// breaks a limit makes the message unusable, not the connection: its further
// pieces are dropped, their descriptors closed, and status() says why.
class MessageAssembler {
 public:
  explicit MessageAssembler(MessageLimits limits) : limits_(limits) {}

  // Takes the next piece, in `buffer` if that is not empty. `truncated`: a
  // limit of this side kept descriptors of it from arriving. After the last
  // piece (`more` is false) complete() is true.
  void Append(std::string_view piece, std::vector<UniqueFd> descriptors,
              bool truncated, bool more, PayloadBuffer buffer = {});

  // Whether a message has begun / has arrived as a whole.
  bool started() const { return started_; }
  bool complete() const { return complete_; }

  // OK, or why the message cannot be used: RESOURCE_EXHAUSTED (a limit) or
  // INTERNAL (descriptors that the type does not have).
  const absl::Status& status() const { return status_; }

  // The message, if complete() and status() is OK, or what there is of it to be
  // dropped; once.
  ReceivedMessage Take() { return std::move(message_); }
  // Begins anew, for the next message.
  void Reset() {
    message_.Clear();
    status_ = absl::OkStatus();
    started_ = complete_ = false;
  }

 private:
  void Fail(absl::Status status);

  const MessageLimits limits_;
  ReceivedMessage message_;
  absl::Status status_;
  bool started_ = false;
  bool complete_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_MESSAGE_ASSEMBLER_H_
