#ifndef FDRPC_CLIENT_CHANNEL_CALL_H_
#define FDRPC_CLIENT_CHANNEL_CALL_H_

#include <memory>
#include <optional>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "client/call_attempts.h"
#include "client/channel_core.h"
#include "client/channel_lock.h"
#include "client/client_connection.h"
#include "client/pending_call.h"
#include "fdrpc/call_options.h"
#include "fdrpc/caller.h"

namespace fdrpc {

// A call of a channel: what its user sends and waits for, until it has ended,
// by its deadline or a cancellation at the latest. Owns the call's state; its
// CallAttempts find a connection for it.
class ChannelCall final : public ClientCall,
                          private ChannelCore::CallTimer,
                          public std::enable_shared_from_this<ChannelCall> {
 public:
  // `core` must outlive it, unless it is passed to KeepChannel(). Keeps the
  // borrowed members of the options until the call has ended.
  ChannelCall(ChannelCore& core, const Method& method,
              const CallOptions& options);
  ~ChannelCall() override;

  // Before Start(): the user waits with Notify(), and the deadline ends the
  // call whether or not anybody waits.
  void RunOnLoop() { on_loop_ = true; }
  void KeepChannel(std::shared_ptr<ChannelCore> core) {
    kept_core_ = std::move(core);
  }
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
  void Notify(CallEvent event, Continuation& continuation) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void Forget(Continuation& continuation) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  bool Take(IncomingMessage message) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  bool Send(OutgoingMessage message, bool last) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void Abort(const absl::Status& why) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Implementation of ClientCall.
  void HalfClose() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  const Metadata& headers() override { return call_.headers; }
  absl::Status status() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  const Metadata& trailers() override { return call_.trailers; }

 private:
  class Stop {
   public:
    explicit Stop(ChannelCall& call) : call_(call) {}
    void operator()() const;

   private:
    ChannelCall& call_;
  };

  // Whether this is a child's copy, made by fork(2): the call has ended there,
  // with the status of CheckProcess(), and nothing of the parent is touched.
  bool inherited() const { return core_.inherited_by_fork(); }

  // An error of the call that does not depend on what it sends.
  absl::Status Check(const CallOptions& options) const;

  // ChannelCore::CallTimer: the deadline has passed.
  void OnExpired(ChannelLock& lock) override
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
      NoticeDeadline(core_.clock().CoarseNow(), lock);
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
  // Only one wait for each event is allowed.
  void Wait(CallEvent event, CallWait wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Waits until a message is sent that `on` cannot send at once. False if the
  // message will not arrive.
  bool AwaitSent(ClientConnection& on, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Ends the call from this side, if it has not ended.
  void End(absl::Status why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void EndAtDeadline(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void AwaitWritten(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void AwaitWritten(ClientConnection& connection, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  ChannelCore& core_;
  std::shared_ptr<ChannelCore> kept_core_;
  ChannelMutex& mutex_;
  ReplyMetadata* const reply_metadata_;  // the caller's, or null
  bool on_loop_ = false;

  // Guarded by the mutex, except members that do not change after the call has
  // ended.
  PendingCall call_;
  CallAttempts attempts_;

  // Last, because they call Abort().
  std::optional<std::stop_callback<Stop>> stop_;
  std::optional<std::stop_callback<Stop>> parent_stop_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_CALL_H_
