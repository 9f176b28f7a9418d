#include "client/channel_call.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "call/prepare_message.h"

namespace fdrpc {
namespace {

// How long a thread whose call has ended makes sure that the server is told. A
// server that reads needs less, and one that hangs is not waited for.
constexpr absl::Duration kLastWords = absl::Milliseconds(20);

}  // namespace

ChannelCall::ChannelCall(ChannelCore& core, const Method& method,
                         const CallOptions& options)
    : ChannelCallBase(core, method, options),
      core_(core),
      attempts_(core, call_, options.wait_for_ready) {}

ChannelCall::~ChannelCall() {
  StopCancellation();
  // The call continues in the parent.
  if (inherited()) return;
  ChannelLock lock(mutex());
  if (!call_.state.ended()) End(CallerCancellation::Cancelled(), lock);
  CancelTimer();
  attempts_.End(lock);
  if (connection() == nullptr) return;
  if (connection()->writer().lingers()) connection()->writer().FlushLater(lock);
  if (!connection()->usable()) core_.reconnector().Forget(*connection(), lock);
}

void ChannelCall::Start(const CallOptions& options,
                        const OutgoingMessage* request, bool borrow_request) {
  absl::Status status = CallerCancellation::Check(options);
  if (status.ok()) {
    status = call_.request.Prepare(call_.method, request, borrow_request,
                                   call_.deadline != kNoDeadline,
                                   options.metadata, call_.open);
  }
  ChannelCallBase::Start(options, std::move(status));
}

void ChannelCall::Begin(ChannelLock& lock) { attempts_.Begin(lock); }

// ---- messages

bool ChannelCall::TakeReceived(ReceivedMessage& received, ChannelLock& lock) {
  NoticeDeadline(lock);
  Credit grant;
  if (!call_.state.Take(received, grant)) return false;
  if (!grant.empty() && call_.connection != nullptr) {
    call_.connection->sender().Grant(call_, grant, lock);
  }
  return true;
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
  ChannelLock lock(mutex());
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
  if (on->sends() && (on_loop() || !on->write_blocked())) return true;
  std::shared_ptr<ClientConnection> kept = on->shared_from_this();
  lock.Relock();
  const bool sent = AwaitSent(*on, lock);
  lock.DropLater(std::move(kept));
  return sent;
}

bool ChannelCall::AwaitSent(ClientConnection& on, ChannelLock& lock) {
  if (!on_loop()) AwaitWritten(lock);
  if (call_.connection == &on && !on.sends()) {
    // The message will not arrive, but the server may have said why.
    on.reader().ReadForSenders(clock().CoarseNow(), lock);
    if (call_.connection == &on) return false;
  }
  return !call_.state.ended();
}

void ChannelCall::HalfClose() {
  if (inherited()) return;
  ChannelLock lock(mutex());
  NoticeEnd(lock);
  if (!call_.state.HalfClose() || call_.connection == nullptr) return;
  connection()->writer().FlushLater(lock);  // including what lingers
  call_.connection->SendWaiting(call_, call_.message, lock);
}

// ---- the end

void ChannelCall::NoticeDeadline(MonotonicTime coarse_now, ChannelLock& lock) {
  if (coarse_now < call_.deadline - Clock::kCoarseStep ||
      clock().Now() < call_.deadline) {
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
  const MonotonicTime now = clock().CoarseNow();
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
  ChannelLock lock(mutex());
  NoticeEnd(lock);
  // A caller that never waits would keep the loop from writing what is queued.
  return call_.state.Ready(event) && !TurnIsOver();
}

void ChannelCall::Await(CallEvent event) {
  if (inherited() || ReadyForThisThread(event)) return;
  WaitingThread thread;
  // The connection that this thread reads, or at which it is parked.
  std::shared_ptr<ClientConnection> connection;
  ChannelLock lock(mutex());
  if (!call_.state.Ready(event)) Wait(event, {.thread = &thread});
  while (!call_.state.Ready(event)) {
    if (IsLate()) {
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
  ChannelLock lock(mutex());
  AwaitWritten(lock);
}

void ChannelCall::AwaitWritten(ChannelLock& lock) {
  if (connection() == nullptr || !connection()->reader().HasUnwritten()) return;
  // This may be its last owner, after the call has been removed from it.
  std::shared_ptr<ClientConnection> kept = connection();
  WaitingThread thread;
  MonotonicTime until = call_.deadline;
  bool ending = false;
  const auto look =
      [&](MonotonicTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
        if (now >= call_.deadline) EndAtDeadline(lock);
        if (call_.state.ended() && !std::exchange(ending, true)) {
          until = DeadlineAfter(now, kLastWords);
        }
        if (call_.writer == nullptr) call_.writer = &thread;
        return until;
      };
  kept->reader().AwaitWritten(thread, look, lock);
  if (call_.writer == &thread) call_.writer = nullptr;
  lock.DropLater(std::move(kept));
}

}  // namespace fdrpc
