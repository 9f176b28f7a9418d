#include "server/server_connection.h"

#include <algorithm>
#include <utility>

#include "os/background_close.h"
#include "os/socket_text.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

Hello ServerHello(const ServerOptions& options) {
  Hello hello;
  hello.max_message_bytes = options.max_request_bytes;
  hello.max_descriptors = options.max_request_descriptors;
  hello.max_calls = options.max_calls_per_connection;
  hello.initial_credit_bytes = options.stream_window_bytes;
  hello.initial_credit_descriptors = options.stream_window_descriptors;
  return hello;
}

}  // namespace

std::shared_ptr<ServerConnection> ServerConnection::Create(
    std::unique_ptr<Transport> transport, const PeerCredentials& peer,
    std::unique_ptr<ClientShare> share, const Shared& shared,
    std::shared_ptr<Host> host, GivenConnection given) {
  return std::shared_ptr<ServerConnection>(
      new ServerConnection(std::move(transport), peer, std::move(share), shared,
                           std::move(host), std::move(given)),
      // Any thread may have the last reference.
      [](ServerConnection* connection) {
        // In a child its socket is the parent's, or closed (ForkLedger).
        if (connection->connection_.inherited_by_fork()) return;
        BackgroundCloseScope closes;
        delete connection;
      });
}

ServerConnection::ServerConnection(std::unique_ptr<Transport> transport,
                                   const PeerCredentials& peer,
                                   std::unique_ptr<ClientShare> share,
                                   const Shared& shared,
                                   std::shared_ptr<Host> host,
                                   GivenConnection given)
    : share_(std::move(share)),
      shared_(shared),
      host_(std::move(host)),
      given_(std::move(given)),
      number_(++shared.counters.connections),
      began_(shared.clock.Now()),
      account_(shared.options, share_.get()),
      peer_(given_.peer_is_told ? ConnectedPeer::kNoSocket
                                : transport->pollable_fd(),
            peer),
      call_environment_{.clock = shared.clock,
                        .executor = shared.executor,
                        .reactor = shared.reactor,
                        .counters = shared.counters,
                        .account = account_,
                        .peer = peer_,
                        .draining = drain_.stop(),
                        .offer = &offer_},
      calls_(shared.options, account_),
      frames_(shared.options, services(), call_environment_, calls_, drain_),
      connection_(
          std::move(transport), ServerHello(shared.options),
          {.bytes = shared.options.max_queued_bytes_per_connection,
           .descriptors = shared.options.max_queued_descriptors_per_connection,
           .together = share_ != nullptr ? &share_->unreceived() : nullptr},
          Side::kClient, *this) {
  if (share_ == nullptr) return;
  // What is in the socket when it is closed also counts for the client.
  const ReceivedFdSenderScope client(share_->closes());
  NoteReceived(connection_.pollable_fd());
}

std::optional<size_t> ServerConnection::OnReady(Poller::Event event) {
  // Closing what the client sent may block, and must not hold up this thread.
  // It is passed on after each event, so that it counts for the client before
  // anything else is received.
  BackgroundCloseScope closes;
  if (event.writable) connection_.OnWritable();
  const size_t frames = connection_.frames_read();
  const bool read = event.readable && OnReadable();
  if (!read && !event.writable) return std::nullopt;
  if (draining()) shared_.waker.Wake();
  return connection_.frames_read() - frames;
}

bool ServerConnection::OnReadable() {
  // It is then notified only of the client's end.
  if (reading_ == Reading::kOver) {
    Close(absl::UnavailableError("the client has gone"));
    return true;
  }
  if (const absl::Status closes = share_->CheckCloses(); !closes.ok()) {
    TurnAway(closes, share_->closes());
    return true;
  }
  // Interest changes by itself only when writing becomes blocked or unblocked.
  const bool was_readable = interest().readable;
  // While it is held back, it is notified only of the client's end: what is
  // left then is no more than a socket holds.
  if (!was_readable && reading_ != Reading::kHeldBack) {
    // Replies have filled the queue since it was watched.
    UpdateInterest();
    return connection_.closed();
  }
  const ReceivedFdSenderScope client(share_->closes());
  const bool read = connection_.Read();
  if (connection_.arrives_in_memory()) NoteRings();
  if (!read) return connection_.closed();
  HoldBack();
  bool incomplete = frames_.TakeIncomplete();
  if (const auto partial = connection_.partial_frame();
      partial != partial_frame_) {
    partial_frame_ = partial;
    if (partial.has_value()) {
      partial_since_ = shared_.clock.Now();
      incomplete = true;
    }
  }
  if (incomplete) NoteIncomplete();
  if (was_readable && !interest().readable) UpdateInterest();
  return true;
}

bool ServerConnection::PrepareToSleep() {
  if (!interest().readable) {
    // It is read again once that has changed, which wakes it.
    UpdateInterest();
    if (!interest().readable) return true;
  }
  return connection_.PrepareToSleep();
}

void ServerConnection::NoteRings() {
  if (!attended()) shared_.reactor.Attend(shared());
  if (!std::exchange(host_knows_of_rings_, true)) host_->OnRingsBegun(*this);
}

bool ServerConnection::CheckRings() {
  const size_t frames = connection_.frames();
  if (std::exchange(frames_at_ring_check_, frames) == frames) {
    connection_.OnIdle();
    connection_.Flush();
    connection_.ReleaseIdleMemory();
  }
  host_knows_of_rings_ = connection_.uses_memory();
  return host_knows_of_rings_;
}

ConnectionActivity ServerConnection::activity() const {
  const Traffic& received = connection_.received();
  const Traffic& sent = connection_.written();
  return {.number = number_,
          .peer = peer_.credentials(),
          .address = given_.peer_is_told
                         ? "this process"
                         : AddressOfConnection(connection_.pollable_fd(),
                                               /*accepted=*/true),
          .age = TimeUntil(shared_.clock.Now(), began_),
          .uses_rings = connection_.uses_memory(),
          .calls = account_.calls_begun(),
          .calls_in_progress = calls_.size(),
          .received_bytes = received.bytes(),
          .sent_bytes = sent.bytes(),
          .received_descriptors = received.descriptors(),
          .sent_descriptors = sent.descriptors(),
          .request_bytes = account_.held_bytes(),
          .request_descriptors = account_.held_descriptors(),
          .queued_bytes = connection_.queued_bytes(),
          .queued_descriptors = connection_.queued_descriptors()};
}

Poller::Interest ServerConnection::interest() const {
  const bool blocked = connection_.write_blocked();
  return {.readable = reading_ == Reading::kOn && !unstarted_.any() &&
                      (!blocked || connection_.within_limits()),
          .writable = blocked};
}

void ServerConnection::UpdateInterest() {
  // If there is no room, OnRoom() is called later, and has it watched again.
  (void)connection_.HasRoom();
  host_->OnInterestChanged(*this);
}

void ServerConnection::HoldBack() {
  if (reading_ != Reading::kOn || !account_.TooManyOneWays()) return;
  reading_ = Reading::kHeldBack;
  // They may have ended before they could see that.
  if (account_.FewOneWays()) ReadOn();
}

bool ServerConnection::ReadOn() {
  Reading held_back = Reading::kHeldBack;
  return reading_.compare_exchange_strong(held_back, Reading::kOn);
}

void ServerConnection::OnCallGone(bool one_way) {
  account_.RemoveCall(one_way);
  shared_.kept_messages.OnCallDone();
  if (one_way && reading_ == Reading::kHeldBack && account_.FewOneWays() &&
      ReadOn()) {
    host_->OnInterestChanged(*this);
  }
}

void ServerConnection::NoteIncomplete() {
  if (!std::exchange(host_knows_of_incomplete_, true)) {
    host_->OnRequestIncomplete(*this);
  }
}

std::optional<MonotonicTime> ServerConnection::incomplete_since() {
  std::optional<MonotonicTime> oldest;
  if (partial_frame_.has_value()) oldest = partial_since_;
  for (const auto& call : calls_.All()) {
    if (const auto& since = call->incomplete_since(); since.has_value()) {
      oldest = std::min(oldest.value_or(kNoDeadline), *since);
    }
  }
  host_knows_of_incomplete_ = oldest.has_value();
  return oldest;
}

void ServerConnection::Flush() {
  // The thread that sets this writes what was queued before it is reset:
  // WriteNow() looks at the queue afterwards, and a thread that queues
  // something later finds it reset.
  if (write_deferred_.exchange(true)) return;
  if (!shared_.executor.DeferWrite(shared())) WriteNow();
}

void ServerConnection::WriteNow() {
  write_deferred_.store(false);
  connection_.Flush();
  shared_.kept_messages.OnCallDone();
  if (draining()) shared_.waker.Wake();
}

void ServerConnection::OnUnsent(OutgoingFrame frame, const absl::Status& why) {
  if (connection_.closed()) return;
  // A frame of a call could not be sent, because of its descriptors or because
  // memory is short: the client gets a plain status. If there is no memory for
  // that either, the connection ends: retrying would spin.
  const FrameHeader header = DecodeFrameHeader(frame.head.data());
  if (header.type == static_cast<uint8_t>(FrameType::kStatus) &&
      (header.flags & kFlagMessage) == 0) {
    connection_.Close(why);
    return;
  }
  const absl::Status status =
      absl::IsInvalidArgument(why) ? absl::InternalError(why.message()) : why;
  if (const auto call = calls_.Find(frame.call_id); call != nullptr) {
    call->Fail(status);
  } else {
    // Its status, which was queued, has been dropped with the frame.
    EndCall(frame.call_id,
            BuildStatus(frame.call_id, status, {}, {}, nullptr, {}));
    Flush();
  }
}

void ServerConnection::OnWriteBlockedChanged() {
  // What was deferred may have been far too much.
  UpdateInterest();
  if (draining()) shared_.waker.Wake();
}

void ServerConnection::OnRoom() {
  bool queued = false;
  for (const auto& call : calls_.All()) queued |= call->OnRoom();
  if (queued) Flush();
  host_->OnInterestChanged(*this);
  StartNext();
}

void ServerConnection::StartLater(std::shared_ptr<IncomingCall> call) {
  if (unstarted_.Add(std::move(call))) host_->OnInterestChanged(*this);
  // There may be room again already; if not, OnRoom() starts it.
  StartNext();
}

void ServerConnection::StartNext() {
  if (!unstarted_.any() || !connection_.HasRoom()) return;
  bool last = false;
  const std::shared_ptr<IncomingCall> next = unstarted_.Take(last);
  if (next == nullptr) return;
  next->Start();
  if (last) host_->OnInterestChanged(*this);
}

void ServerConnection::TurnAway(const absl::Status& why,
                                const std::shared_ptr<PendingCloses>& closes) {
  const ReceivedFdSenderScope client(closes);
  NoteReceived(connection_.pollable_fd());
  connection_.Enqueue(
      BuildGoAway(frames_.last_call_id(), std::string(why.message())));
  connection_.Flush();
  connection_.Close(why);
}

absl::Status ServerConnection::OnOffer(IncomingFrame& frame, bool late) {
  const bool brings_socket = frame.header.descriptor_count != 0;
  absl::Status taken = offer_.Take(frame, late, account_, shared_.loop);
  // A client that does not read need not be told.
  if (taken.ok() && brings_socket && offer_.awaits_socket() &&
      connection_.within_limits()) {
    connection_.Enqueue(BuildOffer());
    connection_.Flush();
  }
  return taken;
}

void ServerConnection::Drain() {
  if (!drain_.Begin(shared_.clock.Now(), has_calls())) return;
  connection_.Enqueue(BuildGoAway(kLastCallId));
  connection_.Enqueue(BuildControl(FrameType::kPing, 0));
  connection_.Flush();
  drain_.stop().PostCallbacks(shared_.executor);
}

void ServerConnection::OnPong(uint32_t) {
  if (!draining()) return;  // without a ping
  drain_.OnConfirmed();
  // AdvanceDrain() may have read it, and waits for something else.
  shared_.waker.Wake();
}

bool ServerConnection::AdvanceDrain(MonotonicTime now) {
  if (closed()) return !has_calls();
  switch (drain_.Next(now, has_calls())) {
    case ConnectionDrain::Step::kWait:
      return false;
    case ConnectionDrain::Step::kShutOut: {
      // Something that has arrived and was not looked at may begin a stream,
      // the rest of which the client could not send once it is shut out.
      if (OnReadable()) return false;
      reading_ = Reading::kOver;
      drain_.OnShutOut();
      host_->OnInterestChanged(*this);
      const ReceivedFdSenderScope client(share_->closes());
      connection_.ReadRest();
      if (frames_.TakeIncomplete()) NoteIncomplete();
      [[fallthrough]];
    }
    case ConnectionDrain::Step::kSayLastCall:
      drain_.OnLastCallSaid();
      connection_.Enqueue(BuildGoAway(frames_.last_call_id()));
      connection_.Flush();
      break;
    case ConnectionDrain::Step::kEndCalls:
      break;
  }
  // In the order in which an end moves from one to the next.
  return !has_calls() && ending_.load(std::memory_order_acquire) == 0 &&
         connection_.queued_bytes() == 0;
}

void ServerConnection::EndCall(uint32_t id, OutgoingFrames end) {
  if (connection_.inherited_by_fork()) return;
  ending_.fetch_add(1, std::memory_order_relaxed);
  // Before the client learns of it and makes another call in its place.
  calls_.Remove(id);
  connection_.Enqueue(end);
  ending_.fetch_sub(1, std::memory_order_release);
}

void ServerConnection::OnSendingEnded(const absl::Status& why) {
  // Nobody reads what it would send, but the client may have sent one-way calls
  // before it left.
  if (reading_ == Reading::kOver) return Close(why);
  connection_.EndReceiving();
  // HasRoom() is true from now on.
  host_->OnInterestChanged(*this);
  StartNext();
}

void ServerConnection::OnClosed(const absl::Status& why) {
  offer_.End();
  for (const auto& call : calls_.Close()) call->OnClientGone(why);
  StartNext();  // which ends them
  host_->OnConnectionClosed(*this);
}

void ServerConnection::FailCalls(const absl::Status& why) {
  for (const auto& call : calls_.All()) call->Fail(why);
  connection_.Flush();
}

}  // namespace fdrpc
