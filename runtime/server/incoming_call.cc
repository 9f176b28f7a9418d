#include "server/incoming_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "call/kinds_differ.h"
#include "call/parse.h"
#include "fdrpc/internal/plain_message.h"

namespace fdrpc {

IncomingCall::IncomingCall(std::shared_ptr<Origin> origin,
                           const CallEnvironment& environment, Terms terms)
    : origin_(std::move(origin)),
      environment_(environment),
      id_(terms.id),
      method_(terms.method),
      one_way_(terms.one_way),
      metadata_bytes_(terms.metadata_bytes),
      context_(*this, environment, std::move(terms.metadata), terms.deadline),
      builder_(terms.id, *method_.handler->method, terms.reply_limits,
               context_.remote_peer() != nullptr),
      record_(method_, environment.clock, id_, environment.peer.credentials()),
      state_(
          {.sends_stream = method_.streams_replies(),
           .send_credit = terms.reply_window,
           .receive_limits = terms.request_limits,
           .receive_window = method_.streams_requests()
                                 ? std::optional<Credit>(terms.request_window)
                                 : std::nullopt}),
      held_(environment.account) {}

IncomingCall::~IncomingCall() {
  NoteHandlerEnded();
  held_.ReleaseAll();
  if (metadata_bytes_ > 0) environment_.account.Release(metadata_bytes_, 0);
  origin_->OnCallGone(one_way_);
}

void IncomingCall::Start() {
  starting_ = shared_from_this();
  environment_.executor.Post(*this);
}

void IncomingCall::Run() {
  std::shared_ptr<IncomingCall> self = std::move(starting_);
  const bool cancelled = context_.IsCancelled();
  // Its reply would only be added to what the client does not read.
  if (!cancelled && !one_way_ && !origin_->HasRoom()) {
    return origin_->StartLater(std::move(self));
  }
  origin_->StartNext();
  if (cancelled) return Finish(DeadlinePassed(), nullptr);
  method_.Serve(std::move(self));
}

absl::Status IncomingCall::DeadlinePassed() {
  return absl::DeadlineExceededError("the call's deadline has passed");
}

// Requests.

absl::Status IncomingCall::OnMessage(IncomingFrame& frame,
                                     std::string_view piece) {
  const uint8_t flags = frame.header.flags;
  absl::Status possible;
  bool start = false;
  bool incomplete = false;
  {
    Lock lock(mu_);
    absl::Status allowed;
    if ((flags & kFlagMessage) != 0) {
      if (state_.receives()) {
        possible = held_.Charge(piece.size(), frame.descriptors.size());
      }
      if (possible.ok()) {
        allowed = state_.OnPiece(
            piece, std::move(frame.descriptors), frame.descriptors_truncated,
            (flags & kFlagMore) != 0, std::move(frame.buffer));
      }
    }
    if (possible.ok() && allowed.ok() && (flags & kFlagHalfClose) != 0) {
      allowed = state_.OnHalfClose("the client half-closed");
    }
    if (!allowed.ok()) return allowed;
    if (possible.ok()) possible = state_.received();
    incomplete = possible.ok() && state_.incomplete();
    start = !method_.streams_requests() &&
            state_.receiving() == CallState::Receiving::kHalfClosed;
    EndWaits(lock);
  }
  if (!incomplete) {
    incomplete_since_.reset();
  } else if (!incomplete_since_.has_value()) {
    incomplete_since_ = environment_.clock.Now();
  }
  if (!possible.ok()) {
    Fail(possible);
  } else if (start) {
    Start();
  }
  return absl::OkStatus();
}

absl::Status IncomingCall::TakeRequest(IncomingMessage request) {
  ReceivedMessage received;
  {
    Lock lock(mu_);
    received = state_.TakeSingle();
  }
  return Parse(std::move(received), request);
}

absl::Status IncomingCall::Parse(ReceivedMessage&& received,
                                 IncomingMessage message) {
  absl::Status parsed = ParseReceived(std::move(received), message);
  if (context_.remote_peer() == nullptr) return parsed;
  absl::Status plain = internal::CheckPlain(message.parcel, "request");
  return plain.ok() ? parsed : plain;
}

bool IncomingCall::Take(IncomingMessage message) {
  ReceivedMessage received;
  {
    Lock lock(mu_);
    Credit grant;
    if (!state_.Take(received, grant)) return false;
    held_.Release(received.bytes.size(), received.descriptors.size());
    if (!grant.empty()) {
      origin_->Enqueue(BuildCredit(id_, grant));
      lock.FlushLater(origin_.get());
    }
  }
  const absl::Status parsed = Parse(std::move(received), message);
  if (!parsed.ok()) Fail(parsed);
  return parsed.ok();
}

// Replies.

absl::Status IncomingCall::EnqueueHeaders() {
  OutgoingFrames frames;
  absl::Status valid = builder_.Headers(context_.headers(), frames);
  if (valid.ok()) origin_->Enqueue(std::move(frames));
  return valid;
}

void IncomingCall::SendHeaders() {
  absl::Status sent;
  {
    Lock lock(mu_);
    if (state_.finished() || one_way_ || !state_.SendHeaders()) return;
    sent = EnqueueHeaders();
  }
  if (!sent.ok()) return Fail(sent);
  origin_->Flush();
}

bool IncomingCall::Send(OutgoingMessage message, bool) {
  if (context_.IsCancelled()) return false;
  StreamMessage prepared;
  absl::Status status = builder_.Message(message, prepared);
  if (!status.ok()) {
    Fail(status);
    return false;
  }
  bool queued = false;
  {
    Lock lock(mu_);
    if (state_.finished()) {
      lock.DropLater(std::move(prepared.frames));
      return false;
    }
    FDRPC_CHECK(state_.sends() && state_.has_room(),
                Misuse("a call's Send() comes when kRoom is ready"));
    if (state_.SendHeaders() && !context_.headers().empty()) {
      status = EnqueueHeaders();
      queued = true;
    }
    if (status.ok()) {
      state_.Send(prepared.bytes, prepared.descriptors, /*last=*/false);
      queued |= Advance(prepared.frames, lock);
      if (!state_.has_room()) message_ = std::move(prepared.frames);
    }
  }
  if (!status.ok()) Fail(status);
  if (queued && !(message.may_linger && origin_->LetsLinger())) {
    origin_->Flush();
  }
  return status.ok();
}

absl::Status IncomingCall::OnCredit(Credit credit) {
  {
    Lock lock(mu_);
    if (state_.ended()) return absl::OkStatus();
    if (method_.streams_replies()) {
      if (!state_.OnCredit(credit)) {
        return absl::InvalidArgumentError("more credit than a stream can have");
      }
      if (Advance(message_, lock)) lock.FlushLater(origin_.get());
      return absl::OkStatus();
    }
  }
  Fail(KindsDiffer(method_.handler->method->full_name, "reply", "replies",
                   /*streams_on_server=*/false));
  return absl::OkStatus();
}

bool IncomingCall::OnRoom() {
  Lock lock(mu_);
  return Advance(message_, lock);
}

bool IncomingCall::Advance(OutgoingFrames& message, Lock& lock) {
  bool queued = false;
  CallState::Next next = state_.next();
  if (next == CallState::Next::kMessage && origin_->HasRoom()) {
    state_.OnQueued(next);
    origin_->Enqueue(std::move(message));
    EndWaits(lock);
    queued = true;
    next = state_.next();
  }
  if (next == CallState::Next::kEnd && !end_.empty()) {
    state_.OnQueued(next);
    EndForClient(std::exchange(end_, {}));
    queued = true;
  }
  return queued;
}

// Ends.

void IncomingCall::Finish(absl::Status status, const OutgoingMessage* reply) {
  FinishOnce(std::move(status), reply);
  NoteHandlerEnded();
}

void IncomingCall::FinishOnce(absl::Status status,
                              const OutgoingMessage* reply) {
  if (context_.past_deadline()) status = DeadlinePassed();
  if (one_way_) return FinishOneWay(status);
  bool with_headers = false;
  {
    Lock lock(mu_);
    if (!state_.Finish()) return;
    DropRequests(lock);
    with_headers = state_.SendHeaders();
  }
  if (!with_headers) context_.headers().Clear();
  OutgoingFrames end =
      builder_.End(status, reply, context_.headers(), context_.trailers());
  Lock lock(mu_);
  if (state_.ended()) return lock.DropLater(std::move(end));
  record_.End(status);
  end_ = std::move(end);
  if (Advance(message_, lock)) lock.FlushLater(origin_.get());
  if (!state_.ended()) WatchDeadline();
}

void IncomingCall::FinishOneWay(const absl::Status& status) {
  Lock lock(mu_);
  if (!state_.End()) return;
  record_.End(status);
  if (!status.ok()) ++environment_.counters.one_way_errors;
  DropRequests(lock);
  EndForClient({});
  // Nothing, but a server that drains may wait for this.
  lock.FlushLater(origin_.get());
}

void IncomingCall::Fail(const absl::Status& error) {
  OutgoingFrames end;
  if (!one_way_) end = builder_.Failure(error);
  EndNow(std::move(end), error);
}

void IncomingCall::OnClientGone(absl::Status why) {
  {
    Lock lock(mu_);
    if (one_way_ && state_.receiving() == CallState::Receiving::kHalfClosed) {
      return;
    }
  }
  Cancel(std::move(why));
}

void IncomingCall::EndNow(OutgoingFrames end, absl::Status why) {
  const bool tells = !end.empty() || one_way_;
  {
    Lock lock(mu_);
    if (state_.ended()) return;
    if (one_way_) ++environment_.counters.one_way_errors;
    record_.End(why);
    context_.SetCancelled(std::move(why));
    state_.End();
    DropRequests(lock);
    lock.DropLater(std::move(message_));
    lock.DropLater(std::move(end_));
    EndForClient(std::move(end));
    if (tells) lock.FlushLater(origin_.get());
  }
  context_.PostCancelled(weak_from_this());
}

void IncomingCall::DropRequests(Lock& lock) {
  lock.DropLater(state_.Drop());
  // The single request belongs to the handler, whenever it takes it.
  if (method_.streams_requests()) held_.ReleaseAll();
  EndWaits(lock);
}

void IncomingCall::EndForClient(OutgoingFrames end) {
  if (deadline_watched_) environment_.reactor.CancelTimer(deadline_timer_);
  origin_->EndCall(id_, std::move(end));
}

// Waits.

void IncomingCall::Wait(CallEvent event, CallWait wait) {
  FDRPC_CHECK(state_.waits().IsFree(event),
              Misuse("there are two waits for one event of a call"));
  state_.waits().Add(event, wait);
}

void IncomingCall::EndWaits(Lock& lock) {
  while (const CallWait wait = state_.TakeEndedWait()) {
    if (wait.thread != nullptr) {
      const WokenThread woken = static_cast<ParkedThread&>(*wait.thread)
                                    .GiveToken(environment_.executor);
      if (woken.state != Parker::ThreadState::kAwake) lock.WakeLater(woken);
    } else {
      environment_.executor.Post(*wait.continuation);
    }
  }
}

std::string IncomingCall::Misuse(std::string_view what) const {
  return absl::StrCat(std::string(what), ": ",
                      std::string(method_.handler->method->full_name));
}

bool IncomingCall::Ready(CallEvent event) {
  if (context_.past_deadline()) OnDeadline();
  // A handler that never waits would not notice that the client has cancelled.
  if (environment_.executor.TurnIsOver()) return false;
  if (event == CallEvent::kRoom && HasRoom()) return true;
  Lock lock(mu_);
  return state_.Ready(event);
}

void IncomingCall::Await(CallEvent event) {
  if (Ready(event)) return;
  origin_->Flush();  // what lingers
  Executor& executor = environment_.executor;
  ParkedThread thread(executor.PollsInPark());
  bool in_time = true;
  while (in_time) {
    {
      Lock lock(mu_);
      state_.waits().Remove(event, thread);
      if (state_.Ready(event)) return;
      Wait(event, {.thread = &thread});
      if (thread.polls) WatchDeadline();
    }
    in_time = executor.Park(thread.parker,
                            environment_.clock.SleepUntil(deadline())) ||
              !context_.past_deadline();
  }
  {
    Lock lock(mu_);
    state_.waits().Remove(event, thread);
  }
  OnDeadline();
}

void IncomingCall::StopReading() {
  Lock lock(mu_);
  state_.StopReceiving();
  EndWaits(lock);
}

void IncomingCall::Notify(CallEvent event, Continuation& continuation) {
  // The continuation may release the call before this returns.
  const std::shared_ptr<IncomingCall> self = shared_from_this();
  if (context_.past_deadline()) OnDeadline();
  Lock lock(mu_);
  if (state_.Ready(event)) return environment_.executor.Post(continuation);
  Wait(event, {.continuation = &continuation});
  WatchDeadline();
}

void IncomingCall::Forget(Continuation& continuation) {
  Lock lock(mu_);
  // If it is not here, it was posted under the lock.
  if (!state_.waits().Remove(continuation)) {
    environment_.executor.Remove(continuation);
  }
}

void IncomingCall::WatchDeadline() {
  if (deadline() == kNoDeadline || deadline_watched_) return;
  deadline_watched_ = true;
  environment_.reactor.SetTimer(deadline_timer_, deadline(), weak_from_this());
}

}  // namespace fdrpc
