#ifndef FDRPC_CLIENT_CHANNEL_CALL_H_
#define FDRPC_CLIENT_CHANNEL_CALL_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "client/call_attempts.h"
#include "client/channel_call_base.h"
#include "client/channel_core.h"
#include "client/channel_lock.h"
#include "client/client_connection.h"
#include "fdrpc/call_options.h"
#include "fdrpc/caller.h"

namespace fdrpc {

// A call of a channel over connections, on which its CallAttempts place it.
class ChannelCall final : public ChannelCallBase {
 public:
  ChannelCall(ChannelCore& core, const Method& method,
              const CallOptions& options);
  ~ChannelCall() override;

  // Starts the call, once, with the options with which it was made. If the
  // request is borrowed, it and the options must not change until the call has
  // ended.
  void Start(const CallOptions& options, const OutgoingMessage* request,
             bool borrow_request) ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Blocks until what the call has queued is written: without a loop and
  // waiting threads, nobody else would write it. Returns soon after the call
  // has ended.
  void AwaitWritten() ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Implementation of Call.
  bool Ready(CallEvent event) override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void Await(CallEvent event) override ABSL_LOCKS_EXCLUDED(channel_mutex);
  bool Send(OutgoingMessage message, bool last) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Implementation of ClientCall.
  void HalfClose() override ABSL_LOCKS_EXCLUDED(channel_mutex);

 private:
  // Implementation of ChannelCallBase.
  void Begin(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  bool TakeReceived(ReceivedMessage& received, ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void End(absl::Status why, ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void EndAtDeadline(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // The connection that the call is on, or was on; or null.
  const std::shared_ptr<ClientConnection>& connection()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return attempts_.connection();
  }
  // Ends the call if its deadline has passed: a thread that always finds what
  // it waits for would never wait. Drops the rest of a call that has ended at
  // its deadline.
  void NoticeDeadline(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    if (call_.deadline != kNoDeadline)
      NoticeDeadline(clock().CoarseNow(), lock);
  }
  void NoticeDeadline(MonotonicTime coarse_now, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The same for a thread that sends and reads nothing: the server may have
  // sent the call's end. Releases the lock meanwhile.
  void NoticeEnd(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // As LoopCore::TurnIsOver(), if a loop runs this.
  bool TurnIsOver() const;
  // Whether there is something that only this thread takes. If false, check
  // under the lock.
  bool ReadyForThisThread(CallEvent event) const;
  // Waits until a message is sent that `on` cannot send at once. False if the
  // message will not arrive.
  bool AwaitSent(ClientConnection& on, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void AwaitWritten(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  ChannelCore& core_;
  CallAttempts attempts_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_CALL_H_
