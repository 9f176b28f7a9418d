#ifndef FDRPC_SERVER_INCOMING_CALL_H_
#define FDRPC_SERVER_INCOMING_CALL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "call/call_state.h"
#include "call/credit.h"
#include "call/message_assembler.h"
#include "connection/deferring_lock.h"
#include "connection/frame_builder.h"
#include "fdrpc/metadata.h"
#include "fdrpc/service.h"
#include "loop/reactor.h"
#include "os/background_close.h"
#include "server/call_context.h"
#include "server/call_environment.h"
#include "server/call_record.h"
#include "server/held_requests.h"
#include "server/parked_thread.h"
#include "server/reply_builder.h"
#include "server/service_registry.h"
#include "transport/frame.h"

namespace fdrpc {

// One call that a server serves, of any kind, from its open frame to its end:
// does what its CallState says, for the connection and the handler. Shared by
// the connection's table, while the client waits for the call, and its handler.
//
// Its lock may be held when the connection's are taken, but not the other way
// round.
class IncomingCall final : public ServerCall,
                           public Reactor::Source,
                           public std::enable_shared_from_this<IncomingCall>,
                           private Continuation {
 public:
  // The connection on which the call arrived. Its functions are called with or
  // without the call's lock, except as noted.
  class Origin : public std::enable_shared_from_this<Origin> {
   public:
    // The client's first call has been opened.
    virtual void OnFirstCall() {}
    // For the reader: an offer frame has arrived. `late`: after the first call.
    // An error says how the client broke the protocol.
    virtual absl::Status OnOffer(IncomingFrame&, bool /*late*/) {
      return absl::InvalidArgumentError("an offer without a connection");
    }

    // As in Connection.
    virtual bool HasRoom() = 0;
    virtual void Enqueue(OutgoingFrames&& frames) = 0;
    // Only without the lock.
    virtual void Flush() = 0;
    // Whether what is queued may wait for more.
    virtual bool LetsLinger() = 0;

    // Calls the call's Start() again when HasRoom().
    virtual void StartLater(std::shared_ptr<IncomingCall> call) = 0;
    // Calls Start() of the next call that waits for that, if HasRoom().
    virtual void StartNext() = 0;

    // The call is not in progress any more; queues the frames for the client,
    // possibly none.
    virtual void EndCall(uint32_t id, OutgoingFrames end) = 0;
    // The call is destroyed, and holds nothing.
    virtual void OnCallGone(bool one_way) = 0;

   protected:
    ~Origin() = default;
  };

  // The terms of a call, from its open frame and the hellos of both sides.
  struct Terms {
    uint32_t id = 0;
    RegisteredMethod method = {};
    MonotonicTime deadline = kNoDeadline;
    Metadata metadata = {};
    // Of memory: charged to the account until the call is gone.
    size_t metadata_bytes = 0;
    MessageLimits request_limits = {};
    Credit request_window = {};  // for a stream of requests
    MessageLimits reply_limits = {};
    Credit reply_window = {};  // for a stream of replies
    bool one_way = false;      // nothing is sent for it
  };

  // Keeps `origin`, which keeps `environment`.
  IncomingCall(std::shared_ptr<Origin> origin,
               const CallEnvironment& environment, Terms terms);
  ~IncomingCall() override;

  uint32_t id() const { return id_; }
  bool one_way() const { return one_way_; }
  MonotonicTime deadline() const { return context_.deadline(); }

  // It is not in progress, and was not started: its client is told otherwise.
  void OnRefused(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_) {
    Lock lock(mu_);
    record_.End(why);
  }
  // Calls the handler, once, on a thread of the server. The handler waits while
  // the queue of replies is full (Origin::HasRoom()).
  void Start();

  // For the connection's reader.
  //
  // Takes the next piece of a message, a half-close, or both. Starts the
  // handler of a method with a single request when that is complete. An error
  // is the client's, and ends the connection; what only makes the call
  // impossible ends the call.
  absl::Status OnMessage(IncomingFrame& frame, std::string_view piece)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status OnCredit(Credit credit) ABSL_LOCKS_EXCLUDED(mu_);
  // Since when a message has been incomplete.
  const std::optional<MonotonicTime>& incomplete_since() const {
    return incomplete_since_;
  }

  // The connection has room again; true if something was queued.
  bool OnRoom() ABSL_LOCKS_EXCLUDED(mu_);
  void OnDeadline() { Fail(DeadlinePassed()); }
  // Implementation of Reactor::Source.
  void OnWake() override {
    BackgroundCloseScope closes;
    OnDeadline();
  }
  // The client does not wait for the call any more. That does not matter to a
  // one-way call whose request is complete. From any thread. Runs callbacks
  // that the handler registered, as do Cancel() and Fail().
  void OnClientGone(
      absl::Status why = absl::CancelledError("the client cancelled the call"))
      ABSL_LOCKS_EXCLUDED(mu_);
  // Nobody waits for the call any more.
  void Cancel(absl::Status why) { EndNow({}, std::move(why)); }

  // As in ServerContext.
  void SendHeaders() ABSL_LOCKS_EXCLUDED(mu_);
  void StopReading() ABSL_LOCKS_EXCLUDED(mu_);
  static absl::Status DeadlinePassed();

  // Implementation of ServerCall.
  bool Ready(CallEvent event) override ABSL_LOCKS_EXCLUDED(mu_);
  void Await(CallEvent event) override ABSL_LOCKS_EXCLUDED(mu_);
  void Notify(CallEvent event, Continuation& continuation) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(Continuation& continuation) override ABSL_LOCKS_EXCLUDED(mu_);
  bool Take(IncomingMessage message) override ABSL_LOCKS_EXCLUDED(mu_);
  bool Send(OutgoingMessage message, bool last) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Abort(const absl::Status& why) override { Finish(why, nullptr); }
  ServerContext& context() override { return context_; }
  absl::Status TakeRequest(IncomingMessage request) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Finish(absl::Status status, const OutgoingMessage* reply) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Fail(const absl::Status& error) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What is done once the lock is released: threads that waited for the call
  // are woken, and what came from a peer, or was for one, is closed in the
  // background.
  struct LockSide {
    using Thread = WokenThread;
    using Connection = Origin*;
    static constexpr bool kClosesInBackground = true;
  };
  using Lock = DeferringLock<LockSide>;

  // Continuation: calls the handler.
  void Run() override;

  // Parses a request, which has no descriptors if the peer is remote.
  absl::Status Parse(ReceivedMessage&& received, IncomingMessage message);

  // For the sending thread, which alone fills it: needs no lock.
  bool HasRoom() const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return state_.has_room();
  }
  // Only one wait for each event is allowed.
  void Wait(CallEvent event, CallWait wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Tells those whose waits have ended.
  void EndWaits(Lock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A programmer's error, with the method in whose handler it is.
  std::string Misuse(std::string_view what) const;
  // Makes a wait, or what follows a waiting message, end at the deadline.
  void WatchDeadline() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Status EnqueueHeaders() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Queues what may be queued: the waiting `message`, and after it the status.
  // True if it queued something.
  bool Advance(OutgoingFrames& message, Lock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Finish() of a one-way call.
  void FinishOneWay(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  // Finish(), if nothing has ended the call.
  void FinishOnce(absl::Status status, const OutgoingMessage* reply)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the call for both sides, with those frames or none.
  void EndNow(OutgoingFrames end, absl::Status why) ABSL_LOCKS_EXCLUDED(mu_);
  // The call has ended for the handler: drops what it has not taken.
  void DropRequests(Lock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The call has ended for the connection, with those frames.
  void EndForClient(OutgoingFrames end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoteHandlerEnded() {
    if (!handler_ended_.exchange(true)) environment_.counters.handlers.Remove();
  }

  const std::shared_ptr<Origin> origin_;
  const CallEnvironment& environment_;
  const uint32_t id_;
  const RegisteredMethod method_;
  const bool one_way_;
  const size_t metadata_bytes_;
  CallContext context_;
  const ReplyBuilder builder_;
  std::shared_ptr<IncomingCall> starting_;  // itself, until the handler's turn
  std::optional<MonotonicTime> incomplete_since_;  // the reader's
  std::atomic<bool> handler_ended_{false};

  Mutex mu_ ABSL_ACQUIRED_BEFORE(lock_order::connection);
  CallRecord record_ ABSL_GUARDED_BY(mu_);
  CallState state_ ABSL_GUARDED_BY(mu_);
  OutgoingFrames message_ ABSL_GUARDED_BY(mu_);  // that waits to be sent
  OutgoingFrames end_ ABSL_GUARDED_BY(mu_);      // the handler's, behind that
  HeldRequests held_ ABSL_GUARDED_BY(mu_);
  bool deadline_watched_ ABSL_GUARDED_BY(mu_) = false;
  Reactor::Timer deadline_timer_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_INCOMING_CALL_H_
