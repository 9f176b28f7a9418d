#include "client/channel_call.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "call/parse.h"
#include "call/prepare_message.h"

namespace fdrpc {
namespace {

// How long a thread whose call has ended makes sure that the server is told. A
// server that reads needs less, and one that hangs is not waited for.
constexpr absl::Duration kLastWords = absl::Milliseconds(20);

absl::Status Cancelled() {
  return absl::CancelledError("the caller cancelled the call");
}

MonotonicTime Deadline(const CallOptions& options, const Clock& clock) {
  absl::Duration timeout = options.timeout;
  if (options.parent != nullptr) {
    timeout = std::min(timeout, options.parent->time_remaining());
  }
  return timeout == absl::InfiniteDuration()
             ? kNoDeadline
             : DeadlineAfter(clock.Now(), timeout);
}

MessageLimits ReplyLimits(const Method& method, const ChannelOptions& options) {
  return {.bytes = options.max_reply_bytes,
          .descriptors =
              method.reply_has_descriptors ? options.max_reply_descriptors : 0};
}

}  // namespace

ChannelCall::ChannelCall(ChannelCore& core, const Method& method,
                         const CallOptions& options)
    : core_(core),
      mutex_(core.mutex()),
      reply_metadata_(options.reply_metadata),
      call_(method, Deadline(options, core.clock()),
            ReplyLimits(method, core.options()),
            {.bytes = core.options().stream_window_bytes,
             .descriptors = core.options().stream_window_descriptors}),
      attempts_(core, call_, options.wait_for_ready) {
  call_.max_metadata_bytes = core.options().max_metadata_bytes;
}

ChannelCall::~ChannelCall() {
  // After they are destroyed, they do not call Abort() any more.
  parent_stop_.reset();
  stop_.reset();
  // The call continues in the parent.
  if (inherited()) return;
  ChannelLock lock(mutex_);
  if (!call_.state.ended()) End(Cancelled(), lock);
  core_.CancelTimer(*this);
  attempts_.End(lock);
  if (connection() == nullptr) return;
  if (connection()->writer().lingers()) connection()->writer().FlushLater(lock);
  if (!connection()->usable()) core_.reconnector().Forget(*connection(), lock);
}

absl::Status ChannelCall::Check(const CallOptions& options) const {
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError("the call's timeout is not positive");
  }
  if (options.cancellation.stop_requested()) return Cancelled();
  if (options.parent != nullptr && options.parent->IsCancelled()) {
    if (options.parent->time_remaining() > absl::ZeroDuration()) {
      return Cancelled();
    }
    return absl::DeadlineExceededError("the parent call's deadline has passed");
  }
  return absl::OkStatus();
}

void ChannelCall::Start(const CallOptions& options,
                        const OutgoingMessage* request, bool borrow_request) {
  absl::Status status = Check(options);
  if (status.ok()) {
    status = attempts_.Prepare(request, borrow_request, options.metadata);
  }
  if (on_loop_) {
    absl::StatusOr<std::shared_ptr<LoopCore>> loop = core_.GetLoop();
    if (loop.ok()) {
      call_.loop = loop->get();
      attempts_.RunOn(*std::move(loop));
    } else if (status.ok()) {
      status = loop.status();
    }
  }
  if (!status.ok()) {
    ChannelLock lock(mutex_);
    return call_.End(std::move(status), lock);
  }
  {
    ChannelLock lock(mutex_);
    if (on_loop_ && call_.deadline != kNoDeadline) {
      core_.SetTimer(call_.deadline, *this);
    }
    attempts_.Begin(lock);
  }
  if (options.cancellation.stop_possible()) {
    stop_.emplace(options.cancellation, Stop(*this));
  }
  if (options.parent != nullptr) {
    parent_stop_.emplace(options.parent->cancellation(), Stop(*this));
  }
}

void ChannelCall::Stop::operator()() const { call_.Abort(Cancelled()); }

// ---- messages

bool ChannelCall::Take(IncomingMessage message) {
  if (inherited()) return false;
  ReceivedMessage received;
  {
    ChannelLock lock(mutex_);
    NoticeDeadline(lock);
    Credit grant;
    if (!call_.state.Take(received, grant)) return false;
    if (!grant.empty() && call_.connection != nullptr) {
      call_.connection->sender().Grant(call_, grant, lock);
    }
  }
  absl::Status parsed = ParseReceived(std::move(received), message);
  if (parsed.ok()) return true;
  ChannelLock lock(mutex_);
  End(parsed, lock);
  if (call_.status.ok()) call_.status = std::move(parsed);
  lock.DropLater(call_.state.Drop());
  return false;
}

bool ChannelCall::Send(OutgoingMessage message, bool last) {
  if (inherited()) {
    if (message.parcel != nullptr) message.parcel->TakeDescriptors();
    return false;
  }
  StreamMessage prepared;
  absl::Status sendable =
      PrepareStreamMessage(0, message, call_.method.request_has_any,
                           kNoMessageLimits, /*half_close=*/last, prepared);
  ChannelLock lock(mutex_);
  NoticeEnd(lock);
  if (!call_.state.sends()) return false;
  if (!sendable.ok()) {
    End(std::move(sendable), lock);
    return false;
  }
  FDRPC_CHECK(call_.state.has_room(),
              absl::StrCat("a message is written before the last one was taken "
                           "over: ",
                           std::string(call_.method.full_name)));
  call_.state.Send(prepared.bytes, prepared.descriptors, last);
  ClientConnection* const on = call_.connection;
  if (on != nullptr) on->SendWaiting(call_, prepared.frames, lock);
  if (!call_.state.has_room()) call_.message = std::move(prepared.frames);
  if (on == nullptr || (message.may_linger && on->writer().Linger()))
    return true;
  connection()->writer().FlushLater(lock);
  lock.Unlock();
  if (on->sends() && (on_loop_ || !on->write_blocked())) return true;
  std::shared_ptr<ClientConnection> kept = on->shared_from_this();
  lock.Relock();
  const bool sent = AwaitSent(*on, lock);
  lock.DropLater(std::move(kept));
  return sent;
}

bool ChannelCall::AwaitSent(ClientConnection& on, ChannelLock& lock) {
  if (!on_loop_) AwaitWritten(lock);
  if (call_.connection == &on && !on.sends()) {
    // The message will not arrive, but the server may have said why.
    on.reader().ReadForSenders(core_.clock().CoarseNow(), lock);
    if (call_.connection == &on) return false;
  }
  return !call_.state.ended();
}

void ChannelCall::HalfClose() {
  if (inherited()) return;
  ChannelLock lock(mutex_);
  NoticeEnd(lock);
  if (!call_.state.HalfClose() || call_.connection == nullptr) return;
  connection()->writer().FlushLater(lock);  // including what lingers
  call_.connection->SendWaiting(call_, call_.message, lock);
}

// ---- the end

void ChannelCall::Abort(const absl::Status& why) {
  if (inherited()) return;
  ChannelLock lock(mutex_);
  End(why, lock);
}

void ChannelCall::OnExpired(ChannelLock& lock) {
  if (!call_.state.ended()) EndAtDeadline(lock);
}

void ChannelCall::NoticeDeadline(MonotonicTime coarse_now, ChannelLock& lock) {
  if (coarse_now < call_.deadline - Clock::kCoarseStep ||
      core_.clock().Now() < call_.deadline) {
    return;
  }
  if (!call_.state.ended()) return EndAtDeadline(lock);
  // The server, which has the same deadline, has reported it first.
  if (absl::IsDeadlineExceeded(call_.status)) {
    lock.DropLater(call_.state.Drop());
  }
}

void ChannelCall::NoticeEnd(ChannelLock& lock) {
  if (call_.state.ended()) return;
  const MonotonicTime now = core_.clock().CoarseNow();
  NoticeDeadline(now, lock);
  if (call_.connection == nullptr ||
      !call_.connection->reader().ReadsForSenders(now)) {
    return;
  }
  // This may be its last owner, after the call has been removed from it.
  std::shared_ptr<ClientConnection> read = connection();
  read->reader().ReadForSenders(now, lock);
  lock.DropLater(std::move(read));
}

void ChannelCall::EndAtDeadline(ChannelLock& lock) {
  std::string message = "the call's deadline has passed";
  if (call_.connection != nullptr) {
    if (!call_.connection->has_hello()) {
      const absl::Status before = core_.reconnector().WhyNotConnected();
      absl::StrAppend(
          &message, ", and the peer has not said hello: ",
          before.ok()
              ? "it hangs, or is not an fdrpc server"
              : absl::StrCat("before that: ", std::string(before.message())));
    }
  } else if (const absl::Status why = core_.reconnector().WhyNotConnected();
             !why.ok()) {
    message = absl::StrCat(
        "the deadline passed while the call waited for the server: ",
        std::string(why.message()));
  }
  End(absl::DeadlineExceededError(message), lock);
}

void ChannelCall::End(absl::Status why, ChannelLock& lock) {
  if (call_.state.ended()) return;
  lock.DropLater(call_.state.Drop());
  if (call_.connection != nullptr) {
    return call_.connection->Abandon(call_, std::move(why), lock);
  }
  attempts_.End(lock);
  call_.End(std::move(why), lock);
}

absl::Status ChannelCall::status() {
  if (inherited()) return core_.CheckProcess();
  ChannelLock lock(mutex_);
  if (call_.state.ended() && reply_metadata_ != nullptr) {
    reply_metadata_->headers = call_.headers;
    reply_metadata_->trailers = call_.trailers;
  }
  return call_.status;
}

// ---- waits

bool ChannelCall::ReadyForThisThread(CallEvent event) const {
  switch (event) {
    case CallEvent::kMessage:
      return call_.state.has_message();
    case CallEvent::kRoom:
      return call_.state.has_room();
    default:
      return false;
  }
}

bool ChannelCall::TurnIsOver() const {
  return call_.loop != nullptr && call_.loop->OnThisThread() &&
         call_.loop->TurnIsOver();
}

bool ChannelCall::Ready(CallEvent event) {
  if (inherited()) return true;
  ChannelLock lock(mutex_);
  NoticeEnd(lock);
  // A caller that never waits would keep the loop from writing what is queued.
  return call_.state.Ready(event) && !TurnIsOver();
}

void ChannelCall::Wait(CallEvent event, CallWait wait) {
  FDRPC_CHECK(call_.state.waits().IsFree(event),
              absl::StrCat("there are two waits for one event of a call: ",
                           std::string(call_.method.full_name)));
  call_.state.waits().Add(event, wait);
}

void ChannelCall::Await(CallEvent event) {
  if (inherited() || ReadyForThisThread(event)) return;
  WaitingThread thread;
  // The connection that this thread reads, or at which it is parked.
  std::shared_ptr<ClientConnection> connection;
  ChannelLock lock(mutex_);
  if (!call_.state.Ready(event)) Wait(event, {.thread = &thread});
  while (!call_.state.Ready(event)) {
    if (call_.deadline != kNoDeadline &&
        core_.clock().Now() >= call_.deadline) {
      EndAtDeadline(lock);
    } else if (call_.connection == nullptr) {
      attempts_.Await(thread, lock);
    } else {
      if (connection.get() != call_.connection) {
        lock.DropLater(std::exchange(connection, this->connection()));
      }
      connection->reader().WaitOnce(thread, call_.deadline, lock);
      // Another thread must read for those that still wait there.
      if (connection.get() != call_.connection)
        connection->reader().EndWait(lock);
    }
  }
  call_.state.waits().Remove(event, thread);
  if (connection == nullptr) return;
  const bool last_words = call_.state.ended() &&
                          connection->reader().HasUnwritten() &&
                          !connection->reader().has_waiting();
  connection->reader().EndWait(lock);
  if (last_words) AwaitWritten(lock);
}

void ChannelCall::AwaitWritten() {
  if (inherited()) return;
  ChannelLock lock(mutex_);
  AwaitWritten(lock);
}

void ChannelCall::AwaitWritten(ChannelLock& lock) {
  if (connection() == nullptr || !connection()->reader().HasUnwritten()) return;
  // This may be its last owner, after the call has been removed from it.
  std::shared_ptr<ClientConnection> kept = connection();
  AwaitWritten(*kept, lock);
  lock.DropLater(std::move(kept));
}

void ChannelCall::AwaitWritten(ClientConnection& connection,
                               ChannelLock& lock) {
  WaitingThread thread;
  connection.reader().AddWriter(thread);
  MonotonicTime until = call_.deadline;
  bool ending = false;
  while (connection.reader().HasUnwritten()) {
    const MonotonicTime now = core_.clock().Now();
    if (now >= call_.deadline) EndAtDeadline(lock);
    if (call_.state.ended() && !std::exchange(ending, true)) {
      until = DeadlineAfter(now, kLastWords);
    }
    if (now >= until) break;
    if (call_.writer == nullptr) call_.writer = &thread;
    connection.reader().WaitOnce(thread, until, lock);
  }
  if (call_.writer == &thread) call_.writer = nullptr;
  connection.reader().RemoveWriter(thread);
  connection.reader().EndWait(lock);
}

void ChannelCall::Notify(CallEvent event, Continuation& continuation) {
  if (inherited()) {
    const auto loop = core_.GetLoop();
    return loop.ok() ? (*loop)->Post(continuation) : continuation.Run();
  }
  // The continuation may release the call before this function returns.
  const std::shared_ptr<ChannelCall> self = shared_from_this();
  if (call_.loop == nullptr) {
    // There is no loop to run it: the call failed for that reason, and reports
    // it here.
    return continuation.Run();
  }
  ChannelLock lock(mutex_);
  if (call_.state.Ready(event)) return call_.loop->Post(continuation);
  Wait(event, {.continuation = &continuation});
}

void ChannelCall::Forget(Continuation& continuation) {
  if (inherited()) {
    const auto loop = core_.GetLoop();
    if (loop.ok()) (*loop)->Remove(continuation);
    return;
  }
  ChannelLock lock(mutex_);
  if (call_.state.waits().Remove(continuation) || call_.loop == nullptr) return;
  call_.loop->Remove(continuation);
}

}  // namespace fdrpc
