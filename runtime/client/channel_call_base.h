#ifndef FDRPC_CLIENT_CHANNEL_CALL_BASE_H_
#define FDRPC_CLIENT_CHANNEL_CALL_BASE_H_

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "call/call_waits.h"
#include "client/caller_cancellation.h"
#include "client/channel_base.h"
#include "client/channel_lock.h"
#include "client/pending_call.h"
#include "fdrpc/call_options.h"
#include "fdrpc/client_call.h"

namespace fdrpc {

// A call of a channel of either kind: what its user waits for and takes, until
// it has ended, by its deadline or a cancellation at the latest. Owns the
// call's state; the derived class sends and ends it.
class ChannelCallBase : public ClientCall,
                        private ChannelBase::CallTimer,
                        public std::enable_shared_from_this<ChannelCallBase> {
 public:
  // Before the call starts: the user waits with Notify(), and the deadline ends
  // the call whether or not anybody waits.
  void RunOnLoop() { on_loop_ = true; }
  void KeepChannel(std::shared_ptr<ChannelBase> channel) {
    kept_channel_ = std::move(channel);
  }

  // Implementation of Call.
  void Notify(CallEvent event, Continuation& continuation) final
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void Forget(Continuation& continuation) final
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  bool Take(IncomingMessage message) final ABSL_LOCKS_EXCLUDED(channel_mutex);
  void Abort(const absl::Status& why) final ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Implementation of ClientCall.
  const Metadata& headers() final { return call_.headers; }
  absl::Status status() final ABSL_LOCKS_EXCLUDED(channel_mutex);
  const Metadata& trailers() final { return call_.trailers; }

 protected:
  // `channel` must outlive it, unless it is passed to KeepChannel(). Keeps the
  // borrowed members of the options until the call has ended.
  ChannelCallBase(ChannelBase& channel, const Method& method,
                  const CallOptions& options);
  ~ChannelCallBase() override;

  // Starts the call, once, with the options with which it was made; or ends it
  // with `prepared`, if its request could not be.
  void Start(const CallOptions& options, absl::Status prepared)
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  // Before the derived class is destroyed: nobody cancels the call any more.
  void StopCancellation() { cancellation_.Stop(); }

  // Whether this is a child's copy, made by fork(2): the call has ended there,
  // with the status of CheckProcess(), and nothing of the parent is touched.
  bool inherited() const { return channel_.inherited_by_fork(); }
  bool on_loop() const { return on_loop_; }
  const Clock& clock() const { return channel_.clock(); }
  ChannelMutex& mutex() const { return channel_.mutex(); }
  // Whether the deadline has passed, exactly.
  bool IsLate() const {
    return call_.deadline != kNoDeadline && clock().Now() >= call_.deadline;
  }
  // Only one wait for each event is allowed.
  void Wait(CallEvent event, CallWait wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void CancelTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    channel_.CancelTimer(*this);
  }

  // Makes the first attempt to send the call.
  virtual void Begin(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) = 0;
  // As CallState::Take().
  virtual bool TakeReceived(ReceivedMessage& received, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) = 0;
  // Ends the call from this side, if it has not ended.
  virtual void End(absl::Status why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) = 0;
  virtual void EndAtDeadline(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) = 0;

  // Guarded by the mutex, except members that do not change after the call has
  // ended.
  PendingCall call_;

 private:
  // ChannelBase::CallTimer: the deadline has passed.
  void OnExpired(ChannelLock& lock) final
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  ChannelBase& channel_;
  std::shared_ptr<ChannelBase> kept_channel_;
  ReplyMetadata* const reply_metadata_;  // the caller's, or null
  bool on_loop_ = false;
  CallerCancellation cancellation_;  // last, because it calls Abort()
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_CALL_BASE_H_
