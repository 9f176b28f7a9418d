#ifndef FDRPC_CLIENT_PENDING_CALL_H_
#define FDRPC_CLIENT_PENDING_CALL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "call/call_state.h"
#include "client/call_request.h"
#include "client/channel_lock.h"
#include "client/waiting_threads.h"
#include "connection/frame_builder.h"
#include "connection/trace_text.h"
#include "fdrpc/call.h"
#include "fdrpc/metadata.h"
#include "fdrpc/method.h"
#include "loop/loop_core.h"

namespace fdrpc {

class ClientConnection;

// The state of a call on the client, what it sends, how it ended, and the
// connection that it is on. Guarded by the channel's lock.
class PendingCall {
 public:
  // `window`: the credit that the channel gives to streams of replies.
  PendingCall(const Method& of, MonotonicTime until, MessageLimits reply_limits,
              Credit window);
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;

  // Wakes the waits whose events have occurred.
  void EndWaits(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Makes all waiting threads look. Continuations, which run only once their
  // event has occurred, keep waiting.
  void WakeThreads(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Marks the call as ended.
  void End(absl::Status why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The reply of a call that has ended cannot be parsed: its status, if that is
  // OK, is the reason.
  void SpoilReply(absl::Status why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  const Method& method;
  const MonotonicTime deadline;
  CallTrace trace;

  CallState state;

  CallRequest request;
  // Its frames for this attempt, for a connection to take; or to copy, if
  // request.stays().
  OutgoingFrames open;

  // The message that waits to be sent after those frames.
  OutgoingFrames message;

  size_t max_metadata_bytes = 0;
  Metadata headers;
  Metadata trailers;
  absl::Status status;  // with which it ended
  // It is the server's, which is passed on as it is.
  bool status_is_servers = false;
  // The status for the caller: one that was made on this side names the method,
  // and `target`, which says what the channel calls.
  absl::Status NamedStatus(std::string_view target) const;

  // The connection that the call is on, and its id there; null and 0 while it
  // waits for a connection, or to be sent.
  ClientConnection* connection = nullptr;
  uint32_t id = 0;
  bool waits_for_room = false;

  // Whether the call, if the server has not seen it, waits for another
  // connection instead of ending. Then `open` contains its descriptors.
  bool resend_if_unseen = false;
  bool MayBeMadeAgain() const {
    return resend_if_unseen && !state.sent_behind_open();
  }
  absl::Status unseen_because;
  // Nothing of it can be sent any more, and it is not made again: it ends with
  // the reason of the connection's end, once that is known.
  bool unsent = false;
  // The owner of the call, which is told in that case, and looks for another
  // connection.
  class Owner {
   public:
    virtual void OnUnseen(ChannelLock& lock)
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) = 0;

   protected:
    ~Owner() = default;
  };
  Owner* owner = nullptr;

  // Runs the continuations, and reads if no thread does; or null.
  std::shared_ptr<LoopCore> loop;
  // A thread that waits until the connection has written what is queued, and
  // hears of the call's end, or null.
  WaitingThread* writer = nullptr;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_PENDING_CALL_H_
