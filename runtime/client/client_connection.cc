#include "client/client_connection.h"

#include <cassert>
#include <utility>

#include "client/apply_frame.h"
#include "client/connection_offer.h"
#include "os/background_close.h"

namespace fdrpc {
namespace {

absl::Status ConnectionEnded() {
  return absl::UnavailableError("the connection has ended");
}

}  // namespace

absl::StatusOr<std::shared_ptr<ClientConnection>> ClientConnection::Create(
    std::unique_ptr<Transport> transport, const Hello& hello,
    const Connection::QueueLimits& limits, const KeepAlive& keep_alive,
    absl::Duration max_busy_poll, const Clock& clock,
    std::shared_ptr<Connectivity> connectivity,
    std::shared_ptr<ChannelAccount> account,
    std::shared_ptr<ServiceOffer> offer) {
  absl::StatusOr<WaitingThreads> threads = WaitingThreads::Create();
  if (!threads.ok()) return threads.status();
  const std::shared_ptr<ClientConnection> made(
      new ClientConnection(std::move(transport), hello, limits, keep_alive,
                           max_busy_poll, clock, *std::move(threads),
                           std::move(connectivity), std::move(account)),
      // Any thread may have the last reference.
      [](ClientConnection* connection) {
        BackgroundCloseScope closes;
        delete connection;
      });
  made->writer_.SetSelf(std::shared_ptr<BatchedWriter>(made, &made->writer_));
  made->reader_.SetSelf(
      std::shared_ptr<ConnectionReader>(made, &made->reader_));
  if (offer != nullptr) {
    absl::Status offered = made->Offer(std::move(offer));
    if (!offered.ok()) return offered;
  }
  return made;
}

ClientConnection::ClientConnection(std::unique_ptr<Transport> transport,
                                   const Hello& hello,
                                   const Connection::QueueLimits& limits,
                                   const KeepAlive& keep_alive,
                                   absl::Duration max_busy_poll,
                                   const Clock& clock, WaitingThreads threads,
                                   std::shared_ptr<Connectivity> connectivity,
                                   std::shared_ptr<ChannelAccount> account)
    : clock_(clock),
      connectivity_(std::move(connectivity)),
      account_(std::move(account)),
      mutex_(connectivity_->mutex()),
      connection_(std::move(transport), hello, limits, Side::kServer, *this),
      sender_(connection_, writer_, server_, calls_, clock_),
      reader_(connection_, writer_, calls_, *account_, mutex_, clock_,
              std::move(threads), keep_alive, max_busy_poll) {}

absl::Status ClientConnection::Offer(std::shared_ptr<ServiceOffer> offer) {
  offer_ = std::move(offer);
  connection_.Enqueue(BuildOffer());
  return SendOfferedSocket();
}

absl::Status ClientConnection::SendOfferedSocket() {
  absl::StatusOr<ConnectionOffer> made =
      ConnectionOffer::Make(*offer_, connection_.pollable_fd());
  offer_is_due_ = absl::IsResourceExhausted(made.status());
  if (!made.ok()) return offer_is_due_ ? absl::OkStatus() : made.status();
  served_ = std::move(made->served);
  connection_.Enqueue(BuildOffer(std::move(made->socket)));
  return absl::OkStatus();
}

void ClientConnection::LoseOfferedSocket(ChannelLock& lock) {
  lock.DropLater(std::move(served_));
  offer_is_due_ = true;
}

bool ClientConnection::AwaitReady(MonotonicTime deadline) {
  writer_.Flush();
  WaitingThread thread;
  ChannelLock lock(mutex_);
  connectivity_->Add(thread);
  for (bool looked = false; usable_; looked = true) {
    const bool ready = has_hello();
    if (looked && (ready || clock_.Now() >= deadline)) break;
    reader_.WaitOnce(thread, ready ? MonotonicTime() : deadline, lock);
  }
  connectivity_->Remove(thread);
  reader_.EndWait(lock);
  return usable_ && has_hello();
}

// ---- sending

void ClientConnection::Begin(PendingCall& call, ChannelLock& lock) {
  assert(lock.Holds(mutex_));
  if (!usable_) return FinishUnseen(call, true, ConnectionEnded(), lock);
  writer_.FlushLater(lock);  // the hello may still be queued
  call.connection = this;
  calls_.Add(call);
  Admit(lock);
  reader_.PlanLook();
}

void ClientConnection::Admit(ChannelLock& lock) {
  // Otherwise they wait for the reason of the connection's end.
  if (!connection_.sends()) return;
  // The large ones first, since they could wait for ever for small ones that
  // keep coming.
  Admit(PendingCalls::Queue::kLarge, lock);
  Admit(PendingCalls::Queue::kOneFrame, lock);
  Admit(PendingCalls::Queue::kOneWay, lock);
}

void ClientConnection::Admit(PendingCalls::Queue queue, ChannelLock& lock) {
  while (PendingCall* const call = calls_.Next(queue, server_.max_calls())) {
    if (!sender_.CanGo(*call)) return;
    absl::Status fits =
        server_.CheckSize(call->request.bytes(), call->request.descriptors());
    if (!fits.ok()) {
      Finish(*call, std::move(fits), lock);
    } else if (sender_.CanName(*call)) {
      SendOpen(*call, lock);
    } else {
      // The call is one of those that wait, and looks for another connection.
      return RefuseNewCalls(
          absl::UnavailableError("the connection has used its method ids"),
          lock);
    }
  }
}

void ClientConnection::SendOpen(PendingCall& call, ChannelLock& lock) {
  // Services that are gone cannot be called back; that is no call's failure.
  if (offer_is_due_) (void)SendOfferedSocket();
  if (!sender_.SendOpen(call, lock)) {
    usable_ = false;
    return EndUnsent(call, WithReason(ConnectionEnded()), lock);
  }
  SendWaiting(call, call.message, lock);
  if (calls_.HasUsedAllIds()) {
    RefuseNewCalls(absl::UnavailableError("the connection has used its ids"),
                   lock);
  }
}

void ClientConnection::SendWaiting(PendingCall& call, OutgoingFrames& message,
                                   ChannelLock& lock) {
  absl::Status taken = sender_.SendWaiting(call, message, lock);
  if (!taken.ok()) Abandon(call, std::move(taken), lock);
}

void ClientConnection::ResumeSending(PendingCall& call, ChannelLock& lock) {
  writer_.FlushLater(lock);
  SendWaiting(call, call.message, lock);
}

void ClientConnection::OnSent(uint32_t call_id) {
  ChannelLock lock(mutex_);
  // Otherwise it has ended before, for example at its deadline.
  if (PendingCall* const call = calls_.Find(call_id)) {
    Finish(*call, absl::OkStatus(), lock);
    Admit(PendingCalls::Queue::kOneWay, lock);
  }
}

void ClientConnection::OnRoom() {
  ChannelLock lock(mutex_);
  for (PendingCall* call : calls_.TakeRoomWaiters()) {
    ResumeSending(*call, lock);
  }
  Admit(lock);
}

void ClientConnection::OnWriteBlockedChanged() {
  ChannelLock lock(mutex_);
  if (server_.goes_away()) EndUntaken(lock);
  reader_.OnWriteBlockedChanged(lock);
}

// ---- receiving

void ClientConnection::OnHello(const Hello& hello) {
  ChannelLock lock(mutex_);
  // Streams began with the credit that every server grants.
  const Credit guaranteed = server_.initial_credit();
  server_.OnHello(hello);
  connectivity_->OnHello(*this, lock);
  const Credit granted = server_.initial_credit();
  for (PendingCall* call : calls_.Sent()) {
    call->state.OnCredit(
        {.bytes = granted.bytes - guaranteed.bytes,
         .descriptors = granted.descriptors - guaranteed.descriptors});
    ResumeSending(*call, lock);
  }
  Admit(lock);
}

absl::Status ClientConnection::OnFrame(IncomingFrame& frame) {
  ChannelLock lock(mutex_);
  const uint32_t id = frame.header.call_id;
  if (id == 0) return OnConnectionFrame(frame, lock);
  if (!calls_.WasSent(id)) {
    return absl::InvalidArgumentError("a frame for a call that was never made");
  }
  PendingCall* const call = calls_.Find(id);
  // It crossed with the call's end on this side, or the call expects nothing:
  // it is dropped.
  if (call == nullptr || call->method.one_way) return absl::OkStatus();
  if (writer_.lingers()) writer_.FlushLater(lock);
  return OnCallFrame(*call, frame, lock);
}

absl::Status ClientConnection::OnConnectionFrame(const IncomingFrame& frame,
                                                 ChannelLock& lock) {
  if (frame.header.type == static_cast<uint8_t>(FrameType::kGoAway)) {
    return OnGoAway(frame.header.argument, frame.payload, lock);
  }
  if (offer_ == nullptr || frame.header.descriptor_count != 0) {
    return absl::InvalidArgumentError("an offer from a server");
  }
  LoseOfferedSocket(lock);
  return absl::OkStatus();
}

absl::Status ClientConnection::OnCallFrame(PendingCall& call,
                                           IncomingFrame& frame,
                                           ChannelLock& lock) {
  FrameEffect effect = ApplyFrame(call, frame, lock);
  switch (effect.action) {
    case FrameEffect::Action::kNone:
      return absl::OkStatus();
    case FrameEffect::Action::kSend:
      ResumeSending(call, lock);
      return absl::OkStatus();
    case FrameEffect::Action::kFinish:
      call.status_is_servers = true;
      Finish(call, std::move(effect.status), lock);
      Admit(lock);
      return absl::OkStatus();
    case FrameEffect::Action::kAbandon:
      Abandon(call, std::move(effect.status), lock);
      return absl::OkStatus();
    case FrameEffect::Action::kViolation:
      return std::move(effect.status);
  }
  return absl::OkStatus();
}

// ---- the end of calls and of the connection

void ClientConnection::Abandon(PendingCall& call, absl::Status why,
                               ChannelLock& lock) {
  assert(lock.Holds(mutex_));
  if (call.id != 0) sender_.Cancel(call, lock);
  Finish(call, std::move(why), lock);
  Admit(lock);
}

void ClientConnection::Finish(PendingCall& call, absl::Status status,
                              ChannelLock& lock) {
  calls_.Remove(call);
  call.End(std::move(status), lock);
}

void ClientConnection::FinishUnseen(PendingCall& call, bool unseen,
                                    const absl::Status& why,
                                    ChannelLock& lock) {
  if (!unseen || !call.MayBeMadeAgain()) return Finish(call, why, lock);
  calls_.Remove(call);
  call.connection = nullptr;
  call.id = 0;
  call.state.OnUnseen();
  call.unsent = false;
  call.unseen_because = why;
  call.WakeThreads(lock);
  call.owner->OnUnseen(lock);
}

void ClientConnection::EndUnsent(PendingCall& call, const absl::Status& why,
                                 ChannelLock& lock) {
  call.unsent = MayGiveReason() && !call.MayBeMadeAgain();
  if (!call.unsent) FinishUnseen(call, true, why, lock);
}

void ClientConnection::RefuseNewCalls(const absl::Status& why,
                                      ChannelLock& lock) {
  usable_ = false;
  connectivity_->OnEnded(*this, why, lock);
  for (PendingCall* call : calls_.TakeWaiting()) {
    EndUnsent(*call, why, lock);
    if (call->unsent) calls_.Add(*call);
  }
}

absl::Status ClientConnection::OnGoAway(uint32_t last_call_id,
                                        std::string_view reason,
                                        ChannelLock& lock) {
  absl::Status valid = server_.OnGoAway(last_call_id, reason);
  if (!valid.ok()) return valid;
  RefuseNewCalls(server_.go_away(), lock);
  EndUntaken(lock);
  return absl::OkStatus();
}

void ClientConnection::EndUntaken(ChannelLock& lock) {
  // Sent descriptors are gone, so a call with sent descriptors cannot be made
  // again. But these may be returned; the calls end then, or with the
  // connection.
  const bool may_come_back =
      !sending_ended_ && connection_.MayGiveBackDescriptors();
  for (PendingCall* call : calls_.Sent()) {
    if (call->unsent) {
      FinishUnseen(*call, true, server_.go_away(), lock);
    } else if (!server_.TakesCall(call->id)) {
      const bool unseen = call->request.descriptors() == 0;
      if (unseen || !may_come_back) {
        FinishUnseen(*call, unseen, server_.go_away(), lock);
      }
    } else if (call->method.one_way && sending_ended_) {
      Finish(*call, server_.go_away(), lock);  // only a part was sent
    }
  }
}

void ClientConnection::OnUnsent(OutgoingFrame frame, const absl::Status& why) {
  const FrameHeader header = DecodeFrameHeader(frame.head.data());
  const auto type = static_cast<FrameType>(header.type);
  if (type == FrameType::kCancel || type == FrameType::kCredit) return;
  ChannelLock lock(mutex_);
  if (type == FrameType::kOffer) {
    // Otherwise the kernel would refuse the next one, too.
    if (absl::IsResourceExhausted(why)) LoseOfferedSocket(lock);
    return;
  }
  PendingCall* const call = calls_.Find(frame.call_id);
  if (call == nullptr) return;
  if (!connection_.sends()) {
    usable_ = false;
    TakeBack(*call, std::move(frame), header, WithReason(why), lock);
  } else if (type == FrameType::kOpen) {
    Finish(*call, why, lock);
    Admit(lock);
  } else {
    Abandon(*call, why, lock);
  }
}

void ClientConnection::TakeBack(PendingCall& call, OutgoingFrame frame,
                                const FrameHeader& header,
                                const absl::Status& why, ChannelLock& lock) {
  if (header.type == static_cast<uint8_t>(FrameType::kOpen)) {
    call.open.clear();
  } else if (call.open.empty()) {
    return;  // its beginning was sent: the server's answer counts
  }
  call.open.push_back(std::move(frame));
  if ((header.flags & kFlagMore) != 0) return;
  EndUnsent(call, why, lock);
}

void ClientConnection::OnSendingEnded(const absl::Status& why) {
  // Calls that were sent may still be answered, except one-way calls that were
  // sent in part. All that end wait for the reason, which a thread must read.
  ChannelLock lock(mutex_);
  sending_ended_ = true;
  if (!server_.goes_away()) reader_.ReadForSenders(clock_.CoarseNow(), lock);
  if (connection_.closed()) return;  // OnClosed() knows more
  RefuseNewCalls(WithReason(why), lock);
  if (server_.goes_away()) EndUntaken(lock);
}

void ClientConnection::OnClosed(const absl::Status& closed) {
  ChannelLock lock(mutex_);
  const absl::Status why = WithReason(closed);
  lock.DropLater(std::move(served_));
  RefuseNewCalls(why, lock);
  // A server sends its hello before it looks at calls. Without a hello, the
  // listener closed before it accepted the connection. A server that hangs may
  // still look at the calls later.
  const bool unseen =
      !has_hello() && absl::IsUnavailable(why) && !reader_.gave_up();
  for (PendingCall* call : calls_.Sent()) {
    FinishUnseen(*call,
                 call->unsent || (unseen && call->request.descriptors() == 0),
                 why, lock);
  }
}

}  // namespace fdrpc
