#ifndef FDRPC_CALL_MESSAGE_ASSEMBLER_H_
#define FDRPC_CALL_MESSAGE_ASSEMBLER_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/payload_buffer.h"
#include "call/received_bytes.h"
#include "fdrpc/unique_fd.h"
#include "os/background_close.h"

namespace fdrpc {

// Owns descriptors that a peer sent, and closes those that nobody takes in the
// background. They count as unread for who sent them (SenderOfReceived()). A
// null pointer if there are none, since few messages have descriptors, and each
// message is moved several times.
class ReceivedFds {
 public:
  ReceivedFds() = default;
  ReceivedFds(ReceivedFds&&) = default;
  ReceivedFds& operator=(ReceivedFds&& other) noexcept {
    Close();
    fds_ = std::move(other.fds_);
    return *this;
  }
  ~ReceivedFds() { Close(); }

  void Append(std::vector<UniqueFd>&& fds) {
    if (!fds.empty()) AppendSome(std::move(fds));
  }
  void Close() {
    if (fds_ != nullptr) CloseAll();
  }

  size_t size() const { return fds_ == nullptr ? 0 : fds_->all.size(); }
  const UniqueFd& operator[](size_t index) const { return fds_->all[index]; }
  UniqueFd* begin() { return fds_ == nullptr ? nullptr : fds_->all.data(); }
  UniqueFd* end() { return begin() + size(); }

 private:
  struct Unread {
    std::vector<UniqueFd> all;
    std::shared_ptr<PendingCloses> sender;
  };
  void AppendSome(std::vector<UniqueFd>&& fds);
  void CloseAll();

  std::unique_ptr<Unread> fds_;
};

// The bytes and descriptors of a message as they arrived.
struct ReceivedMessage {
  // Quick if it has been moved from.
  void Clear() {
    bytes.Clear();
    descriptors.Close();
  }

  ReceivedBytes bytes;
  ReceivedFds descriptors;
};

struct MessageLimits {
  size_t bytes = 0;
  size_t descriptors = 0;  // 0: the method's type has none
};
// What a status says of a message that exceeds one: where the limit is from,
// and what to do.
inline constexpr char kAboutByteLimit[] =
    " (ServerOptions::max_request_bytes, ChannelOptions::max_reply_bytes): "
    "send less, as a stream of messages for example, or in a memory file";
inline constexpr char kAboutDescriptorLimit[] =
    " (ServerOptions::max_request_descriptors, "
    "ChannelOptions::max_reply_descriptors, RLIMIT_NOFILE): send fewer at a "
    "time";

// RESOURCE_EXHAUSTED: a limit of this side truncated the descriptors.
absl::Status DescriptorsCutOff();

// Assembles the pieces of one direction's messages, within limits. A message
// that exceeds a limit is unusable, but the connection is not: the further
// pieces are dropped, their descriptors are closed, and status() says why.
class MessageAssembler {
 public:
  explicit MessageAssembler(MessageLimits limits) : limits_(limits) {}

  // Takes the next piece, in `buffer` if that is not empty. `truncated`: a
  // limit of this side truncated its descriptors. After the last piece (`more`
  // is false) complete() is true.
  void Append(std::string_view piece, std::vector<UniqueFd>&& descriptors,
              bool truncated, bool more, PayloadBuffer&& buffer = {});

  // Whether a message has begun, and whether it has arrived completely.
  bool started() const { return started_; }
  bool complete() const { return complete_; }

  // OK, or why the message cannot be used: RESOURCE_EXHAUSTED (a limit) or
  // INTERNAL (descriptors that the type does not have).
  const absl::Status& status() const { return status_; }

  // The message, if complete() and status() is OK, or the part of it that is to
  // be dropped; to be moved from, once.
  ReceivedMessage&& Take() { return std::move(message_); }
  // Starts the next message.
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
