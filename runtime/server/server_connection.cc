#include "server/server_connection.h"

#include <algorithm>
#include <utility>

#include "os/background_close.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

// For how long a client without calls, which has perhaps no thread that reads,
// may take to confirm that it makes none. One that has a thread needs as long
// as a busy machine keeps it from a processor.
constexpr absl::Duration kConfirmTime = absl::Milliseconds(100);

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
    std::shared_ptr<Host> host, uint64_t token) {
  return std::shared_ptr<ServerConnection>(
      new ServerConnection(std::move(transport), peer, std::move(share), shared,
                           std::move(host), token),
      // Whichever thread has the last reference.
      [](ServerConnection* connection) {
        // In a child its socket is the parent's, or closed (ForkLedger).
        if (connection->connection_.inherited_by_fork()) return;
        BackgroundCloses closes;
        delete connection;
      });
}

ServerConnection::ServerConnection(std::unique_ptr<Transport> transport,
                                   const PeerCredentials& peer,
                                   std::unique_ptr<ClientShare> share,
                                   const Shared& shared,
                                   std::shared_ptr<Host> host, uint64_t token)
    : share_(std::move(share)),
      shared_(shared),
      host_(std::move(host)),
      token_(token),
      account_(shared.options, share_.get()),
      peer_(transport->pollable_fd(), peer),
      call_environment_{.executor = shared.executor,
                        .deadlines = shared.deadlines,
                        .counters = shared.counters,
                        .account = account_,
                        .peer = peer_,
                        .draining = drain_},
      calls_(shared.options, account_),
      connection_(
          std::move(transport), ServerHello(shared.options),
          {.bytes = shared.options.max_queued_bytes_per_connection,
           .descriptors = shared.options.max_queued_descriptors_per_connection,
           .together = share_ != nullptr ? &share_->unreceived() : nullptr},
          *this) {
  if (share_ == nullptr) return;
  // What is in the socket when it is closed is the client's, too.
  const ReceivingFrom client(share_->closes());
  NoteReceived(connection_.pollable_fd());
}

bool ServerConnection::OnReadable() {
  // It is told of nothing but the client's end then.
  if (!reads_) {
    Close(absl::UnavailableError("the client has gone"));
    return true;
  }
  if (const absl::Status closes = share_->CheckCloses(); !closes.ok()) {
    TurnAway(closes);
    return true;
  }
  // Interest changes by itself only when writing becomes blocked or unblocked.
  const bool was_readable = interest().readable;
  // While it is held back it is told of the client's end alone: then what is
  // left is no more than a socket holds.
  if (!(was_readable || held_back_)) {
    // Replies have filled the queue since it was watched.
    PauseReading();
    return connection_.closed();
  }
  const ReceivingFrom client(share_->closes());
  if (!connection_.Read()) return connection_.closed();
  HoldBack();
  if (const auto partial = connection_.partial_frame();
      partial != partial_frame_) {
    partial_frame_ = partial;
    if (partial.has_value()) {
      partial_since_ = Clock::Real().Now();
      NoteIncomplete();
    }
  }
  if (was_readable && !interest().readable) PauseReading();
  return true;
}

void ServerConnection::OnWritable() { connection_.OnWritable(); }

Poller::Interest ServerConnection::interest() const {
  const bool blocked = connection_.write_blocked();
  return {.readable = reads_ && !held_back_ && !has_unstarted_ &&
                      (!blocked || connection_.within_limits()),
          .writable = blocked};
}

void ServerConnection::PauseReading() {
  // If there is none yet, OnRoom() comes, and watches it again.
  (void)connection_.HasRoom();
  host_->OnInterestChanged(*this);
}

void ServerConnection::HoldBack() {
  if (held_back_ || !account_.TooManyOneWays()) return;
  held_back_ = true;
  // They may have ended before they could see that.
  if (account_.FewOneWays()) held_back_ = false;
}

void ServerConnection::OnCallGone(bool one_way) {
  account_.RemoveCall(one_way);
  shared_.kept_messages.OnCallDone(shared_.executor);
  if (one_way && held_back_ && account_.FewOneWays() &&
      held_back_.exchange(false)) {
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

void ServerConnection::Refuse(uint32_t call_id, bool one_way,
                              const absl::Status& status) {
  if (one_way) {
    ++shared_.counters.one_way_errors;
    return;
  }
  OutgoingFrames frames = BuildStatus(call_id, status, {}, {}, nullptr, {});
  connection_.Enqueue(frames);
  connection_.Flush();
}

void ServerConnection::Flush() {
  // Whoever has set it writes what was queued before it is reset: WriteNow()
  // looks at the queue behind that, and who queues something later finds it
  // reset.
  if (write_put_off_.exchange(true)) return;
  if (!shared_.executor.PutOff(shared_from_this())) WriteNow();
}

void ServerConnection::WriteNow() {
  write_put_off_.store(false);
  connection_.Flush();
  shared_.kept_messages.OnCallDone(shared_.executor);
  if (draining()) shared_.wakeup.Notify();
}

void ServerConnection::OnUnsent(OutgoingFrame frame, const absl::Status& why) {
  if (connection_.closed()) return;
  // A frame of a call could not be sent, because of its descriptors or for want
  // of memory: the client gets a plain end of the call. Without memory for that
  // either, the connection ends: to try until there is some would spin.
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
    // Its end, which was queued, has been dropped with the frame.
    Refuse(frame.call_id, /*one_way=*/false, status);
  }
}

void ServerConnection::OnWriteBlockedChanged() {
  host_->OnInterestChanged(*this);
  if (draining()) shared_.wakeup.Notify();
}

void ServerConnection::OnRoom() {
  bool queued = false;
  for (const auto& call : calls_.All()) queued |= call->OnRoom();
  if (queued) Flush();
  host_->OnInterestChanged(*this);
  StartNext();
}

void ServerConnection::StartLater(std::shared_ptr<IncomingCall> call) {
  bool first = false;
  {
    MutexLock lock(unstarted_mu_);
    unstarted_.push_back(std::move(call));
    first = !has_unstarted_.exchange(true);
  }
  if (first) host_->OnInterestChanged(*this);
  // There may be room again already; if not, OnRoom() starts it.
  StartNext();
}

void ServerConnection::StartNext() {
  if (!has_unstarted_ || !connection_.HasRoom()) return;
  std::shared_ptr<IncomingCall> next;
  bool last = false;
  {
    MutexLock lock(unstarted_mu_);
    if (unstarted_.empty()) return;
    next = std::move(unstarted_.front());
    unstarted_.pop_front();
    last = unstarted_.empty();
    if (last) has_unstarted_ = false;
  }
  next->Start();
  if (last) host_->OnInterestChanged(*this);
}

void ServerConnection::TurnAway(const absl::Status& why) {
  connection_.Enqueue(BuildGoAway(last_call_id_, std::string(why.message())));
  connection_.Flush();
  connection_.Close(why);
}

void ServerConnection::Drain() {
  if (!drain_.Set()) return;
  confirm_until_ = DeadlineAfter(Clock::Real().Now(), kConfirmTime);
  called_ = !calls_.empty();
  connection_.Enqueue(BuildGoAway(kLastCallId));
  connection_.Enqueue(BuildControl(FrameType::kPing, 0));
  connection_.Flush();
  drain_.PostCallbacks(shared_.executor);
}

void ServerConnection::OnPong(uint32_t) {
  if (!draining()) return;  // nobody asked
  confirmed_ = true;
  // A busy poll may have read it, behind which nothing is advanced.
  shared_.wakeup.Notify();
}

bool ServerConnection::AdvanceDrain(MonotonicTime now) {
  if (closed()) return !has_calls();
  if (takes_calls_) {
    // With calls in progress the client reads, and confirms, sooner or later:
    // behind the ends of the last ones, perhaps.
    if (calls_.empty() && std::exchange(called_, false)) {
      confirm_until_ = DeadlineAfter(now, kConfirmTime);
    }
    if (!confirmed_ && (now < confirm_until_ || !calls_.empty())) return false;
    if (!confirmed_) {
      // What has come and was not looked at may begin a stream, of which the
      // client cannot send the rest once it is shut out.
      if (OnReadable()) return false;
      reads_ = false;
      host_->OnInterestChanged(*this);
      const ReceivingFrom client(share_->closes());
      connection_.ReadRest();
    }
    takes_calls_ = false;
    connection_.Enqueue(BuildGoAway(last_call_id_));
    connection_.Flush();
  }
  // In the order in which an end goes from one to the next.
  return calls_.empty() && ending_.load(std::memory_order_acquire) == 0 &&
         connection_.queued_bytes() == 0;
}

void ServerConnection::EndCall(uint32_t id, OutgoingFrames end) {
  if (connection_.inherited_by_fork()) return;
  ending_.fetch_add(1, std::memory_order_relaxed);
  // Before the client hears of it and makes another one in its place.
  calls_.Remove(id);
  connection_.Enqueue(end);
  ending_.fetch_sub(1, std::memory_order_release);
}

void ServerConnection::OnSendingEnded(const absl::Status& why) {
  // Nobody reads what it would say, but the client may have sent one-way calls
  // before it went.
  if (!reads_) return Close(why);
  connection_.EndReceiving();
  // HasRoom() is true from now on.
  host_->OnInterestChanged(*this);
  StartNext();
}

void ServerConnection::OnClosed(const absl::Status& why) {
  for (const auto& call : calls_.Close()) call->OnClientGone(why);
  StartNext();  // which ends them
  host_->OnConnectionClosed(*this);
}

void ServerConnection::FailCalls(const absl::Status& why) {
  for (const auto& call : calls_.All()) call->Fail(why);
  connection_.Flush();
}

}  // namespace fdrpc
