#ifndef FDRPC_SERVER_CALL_REQUESTS_H_
#define FDRPC_SERVER_CALL_REQUESTS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "call/credit.h"
#include "call/message_assembler.h"
#include "call/message_inbox.h"
#include "server/connection_account.h"
#include "transport/frame.h"

namespace fdrpc {

// The requests of one call as they arrive: one, or a stream of them, up to the
// half-close. Guarded by the call's lock.
class CallRequests {
 public:
  // `window`: the credit of a stream; none: there is one request. Borrows
  // `account`, which is charged with what is held.
  CallRequests(MessageLimits limits, std::optional<Credit> window,
               ConnectionAccount& account);
  ~CallRequests() { ReleaseAll(); }
  CallRequests(const CallRequests&) = delete;
  CallRequests& operator=(const CallRequests&) = delete;

  // Takes the next piece of a message, a half-close, or both, as the frame's
  // flags say. An error makes the call impossible; `violation` is one of the
  // client against the protocol.
  absl::Status Add(IncomingFrame& frame, std::string_view piece,
                   absl::Status& violation);

  bool half_closed() const { return half_closed_; }
  // Whether a request has begun that is not complete.
  bool incomplete() const {
    return stream_ != nullptr ? stream_->partial() : !streams_ && !half_closed_;
  }
  // Whether the stream has a message, or will have none any more.
  bool ready() const {
    return stream_ == nullptr || stream_->has_message() || half_closed_;
  }

  // The one request, once there is the half-close. It counts as held until the
  // call is gone.
  ReceivedMessage TakeSingle() { return single_.Take(); }
  // The stream's next message, and what to grant the client for it; false if
  // there is none.
  bool Take(ReceivedMessage& message, Credit& grant);

  // Takes what the stream has, for the caller to drop where it may block, and
  // nothing any more.
  std::unique_ptr<MessageInbox> Drop();
  // Counts nothing as held any more.
  void ReleaseAll() { Release(held_bytes_, held_descriptors_); }

 private:
  absl::Status AddToSingle(IncomingFrame& frame, std::string_view piece);
  absl::Status AddToStream(IncomingFrame& frame, std::string_view piece,
                           absl::Status& violation);
  absl::Status Charge(size_t bytes, size_t descriptors);
  void Release(size_t bytes, size_t descriptors);

  const bool streams_;
  ConnectionAccount& account_;
  MessageAssembler single_;
  std::unique_ptr<MessageInbox> stream_;
  bool half_closed_ = false;
  size_t held_bytes_ = 0;
  size_t held_descriptors_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_REQUESTS_H_
