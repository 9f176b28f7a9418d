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
#include "client/call_request.h"
#include "client/channel_core.h"
#include "client/channel_lock.h"
#include "client/client_connection.h"
#include "client/pending_call.h"
#include "fdrpc/call_options.h"
#include "fdrpc/caller.h"

namespace fdrpc {

// A call of a channel: finds it a connection, again if the server has not seen
// it, and ends it at its deadline or when it is cancelled.
class ChannelCall final : public ClientCall,
                          private PendingCall::Owner,
                          public std::enable_shared_from_this<ChannelCall> {
 public:
  // `core` outlives it, unless KeepChannel() is given it.
  ChannelCall(ChannelCore& core, const Method& method,
              const CallOptions& options);
  ~ChannelCall() override;

  // Before Start(): it is waited for with Notify(), and its deadline passes
  // whether or not anybody waits.
  void RunOnLoop() { on_loop_ = true; }
  void KeepChannel(std::shared_ptr<ChannelCore> core) {
    kept_core_ = std::move(core);
  }
  // Begins the call, once. A borrowed request stays as it is until the call has
  // ended.
  void Start(const OutgoingMessage* request, bool borrow_request)
      ABSL_LOCKS_EXCLUDED(lock_);

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

  // For the core: the deadline or the time to try again has come. Adds the
  // connections, or null, that are to be flushed or let go without the lock.
  void OnTime(MonotonicTime now,
              std::vector<std::shared_ptr<ClientConnection>>& connections)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);

 private:
  class Stop {
   public:
    explicit Stop(ChannelCall& call) : call_(call) {}
    void operator()() const;

   private:
    ChannelCall& call_;
  };

  // What is wrong with the call, whatever it sends.
  absl::Status Check() const;

  // PendingCall::Owner.
  void OnUnseen() override;

  // Gives the call to a connection, if one can be had; else ends it, or says
  // when to try again.
  std::optional<MonotonicTime> Connect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // The same for a thread that waits, which sleeps until the next attempt; the
  // lock is given up meanwhile.
  void AwaitConnection(WaitingThread& thread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  MonotonicTime NextAttempt() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void TryAgainAt(MonotonicTime at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Returns the connection that is to be flushed.
  std::shared_ptr<ClientConnection> SendWaiting()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Ends the call from this side, if it has not ended.
  void End(absl::Status why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void EndAtDeadline() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  void Flush(const std::shared_ptr<ClientConnection>& connection)
      ABSL_LOCKS_EXCLUDED(lock_);

  ChannelCore& core_;
  std::shared_ptr<ChannelCore> kept_core_;
  ChannelLock& lock_;
  const CallOptions options_;
  bool on_loop_ = false;

  // Guarded by lock_, but for what an ended call does not change any more.
  PendingCall state_;
  std::shared_ptr<ClientConnection> connection_ ABSL_GUARDED_BY(lock_);
  // Kept so that it goes without the lock.
  std::shared_ptr<ClientConnection> former_connection_ ABSL_GUARDED_BY(lock_);
  // The call was ended by this side: what has arrived is not wanted any more.
  bool ended_here_ ABSL_GUARDED_BY(lock_) = false;
  // The caller sends no more.
  bool half_closed_ ABSL_GUARDED_BY(lock_) = false;
  std::shared_ptr<LoopCore> loop_;  // set by Start()
  int attempts_ ABSL_GUARDED_BY(lock_) = 0;
  absl::Duration pause_ ABSL_GUARDED_BY(lock_);
  bool paused_ ABSL_GUARDED_BY(lock_) = false;  // before the next attempt
  CallRequest request_;  // Start()'s, then guarded by lock_
  std::optional<MonotonicTime> retry_at_ ABSL_GUARDED_BY(lock_);
  bool deadline_planned_ ABSL_GUARDED_BY(lock_) = false;

  // Last: they call Abort().
  std::optional<std::stop_callback<Stop>> stop_;
  std::optional<std::stop_callback<Stop>> parent_stop_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_CALL_H_
