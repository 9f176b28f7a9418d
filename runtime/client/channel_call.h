#ifndef FDRPC_CLIENT_CHANNEL_CALL_H_
#define FDRPC_CLIENT_CHANNEL_CALL_H_

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

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
// at its deadline or when it is cancelled at the latest. How it gets to a
// server its CallAttempts know.
class ChannelCall final : public ClientCall,
                          private ChannelCore::Timed,
                          public std::enable_shared_from_this<ChannelCall> {
 public:
  // `core` outlives it, unless KeepChannel() is given it. Of the options it
  // keeps what is borrowed until the call has ended.
  ChannelCall(ChannelCore& core, const Method& method,
              const CallOptions& options);
  ~ChannelCall() override;

  // Before Start(): it is waited for with Notify(), and its deadline passes
  // whether or not anybody waits.
  void RunOnLoop() { on_loop_ = true; }
  void KeepChannel(std::shared_ptr<ChannelCore> core) {
    kept_core_ = std::move(core);
  }
  // Begins the call, once, with the options that it was made with. If the
  // request is borrowed, it and they stay as they are until the call has ended.
  void Start(const CallOptions& options, const OutgoingMessage* request,
             bool borrow_request) ABSL_LOCKS_EXCLUDED(lock_);

  // Blocks until what the call has queued is written: where nobody has a loop
  // and no thread waits, nobody else would. Ends soon after the call does.
  void AwaitWritten() ABSL_LOCKS_EXCLUDED(lock_);

  // The channel's lock, under the name that it has here.
  ChannelLock& lock() ABSL_LOCK_RETURNED(lock_) { return lock_; }

  // Call.
  bool Ready(CallEvent event) override ABSL_LOCKS_EXCLUDED(lock_);
  void Await(CallEvent event) override ABSL_LOCKS_EXCLUDED(lock_);
  void Notify(CallEvent event, Continuation& continuation) override
      ABSL_LOCKS_EXCLUDED(lock_);
  void Forget(Continuation& continuation) override ABSL_LOCKS_EXCLUDED(lock_);
  bool Take(IncomingMessage message) override ABSL_LOCKS_EXCLUDED(lock_);
  bool Send(OutgoingMessage message, bool last) override
      ABSL_LOCKS_EXCLUDED(lock_);
  void Abort(const absl::Status& why) override ABSL_LOCKS_EXCLUDED(lock_);

  // ClientCall.
  void HalfClose() override ABSL_LOCKS_EXCLUDED(lock_);
  const Metadata& headers() override { return state_.headers; }
  absl::Status status() override ABSL_LOCKS_EXCLUDED(lock_);
  const Metadata& trailers() override { return state_.trailers; }

 private:
  class Stop {
   public:
    explicit Stop(ChannelCall& call) : call_(call) {}
    void operator()() const;

   private:
    ChannelCall& call_;
  };

  // Whether this is a child's copy, made by fork(2): the call has ended there,
  // with what CheckProcess() says, and nothing of the parent's is touched.
  bool inherited() const { return core_.inherited_by_fork(); }

  // What is wrong with the call, whatever it sends.
  absl::Status Check(const CallOptions& options) const;

  // ChannelCore::Timed: the deadline has come.
  void OnTime(
      MonotonicTime now,
      std::vector<std::shared_ptr<ClientConnection>>& connections) override;

  // The one that the call is on, or was on; or null.
  const std::shared_ptr<ClientConnection>& connection()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    attempts_.lock().AssertHeld();
    return attempts_.connection();
  }
  // Ends the call if its deadline has passed: threads that find what they wait
  // for may not wait at all. Returns the connection that is to be flushed. What
  // is left of a call that has ended at its deadline is not wanted any more.
  std::shared_ptr<ClientConnection> NoticeDeadline()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    return state_.deadline == kNoDeadline
               ? nullptr
               : NoticeDeadline(core_.clock().CoarseNow());
  }
  std::shared_ptr<ClientConnection> NoticeDeadline(MonotonicTime coarse_now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // The same for who sends, and reads nothing: what the server has sent may be
  // the call's end. Gives up the lock meanwhile.
  std::shared_ptr<ClientConnection> NoticeEnd()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // As LoopCore::TurnIsOver(), where a loop runs this.
  bool TurnIsOver() const;
  // Whether what only this thread takes is there. False: look with the lock.
  bool ReadyForThisThread(CallEvent event) const;
  // Return the connection that is to be flushed.
  std::shared_ptr<ClientConnection> SendOrPut(OutgoingFrames frames,
                                              size_t bytes, size_t descriptors)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  std::shared_ptr<ClientConnection> SendWaiting()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Ends the call from this side, if it has not ended.
  void End(absl::Status why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void AwaitWritten(ClientConnection& connection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_, connection.lock());
  void EndAtDeadline() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void Flush(const std::shared_ptr<ClientConnection>& connection)
      ABSL_LOCKS_EXCLUDED(lock_);

  ChannelCore& core_;
  std::shared_ptr<ChannelCore> kept_core_;
  ChannelLock& lock_;
  ReplyMetadata* const reply_metadata_;  // the caller's, or null
  bool on_loop_ = false;

  // Guarded by lock_, but for what an ended call does not change any more.
  PendingCall state_;
  CallAttempts attempts_;
  // The call was ended by this side: what has arrived is not wanted any more.
  bool ended_here_ ABSL_GUARDED_BY(lock_) = false;
  // The caller sends no more.
  bool half_closed_ ABSL_GUARDED_BY(lock_) = false;

  // Last: they call Abort().
  std::optional<std::stop_callback<Stop>> stop_;
  std::optional<std::stop_callback<Stop>> parent_stop_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_CALL_H_
