#include "client/client_connection.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "os/background_close.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

absl::Status ConnectionEnded() {
  return absl::UnavailableError("the connection has ended");
}

// The credit that a server gives each stream, as far as it is known.
Credit InitialCredit(const std::optional<Hello>& server) {
  const Hello& hello = server.has_value() ? *server : Hello();
  return {.bytes = hello.initial_credit_bytes,
          .descriptors = hello.initial_credit_descriptors};
}

// Of a request or message of so many frames.
Connection::Size SizeOf(size_t frames) {
  return frames > 1 ? Connection::Size::kAny : Connection::Size::kOneFrame;
}

// Not std::string_view, of which abseil's maps would make a string.
absl::string_view NameOf(const Method& method) {
  return {method.full_name.data(), method.full_name.size()};
}

}  // namespace

absl::StatusOr<std::shared_ptr<ClientConnection>> ClientConnection::Create(
    std::unique_ptr<Transport> transport, const Hello& hello,
    const Connection::QueueLimits& limits, const KeepAlive& keep_alive,
    absl::Duration max_busy_poll, const Clock& clock,
    std::shared_ptr<Connectivity> connectivity) {
  absl::StatusOr<WaitingThreads> threads = WaitingThreads::Create();
  if (!threads.ok()) return threads.status();
  return std::shared_ptr<ClientConnection>(
      new ClientConnection(std::move(transport), hello, limits, keep_alive,
                           max_busy_poll, clock, *std::move(threads),
                           std::move(connectivity)),
      // Whichever thread has the last reference.
      [](ClientConnection* connection) {
        BackgroundCloses closes;
        delete connection;
      });
}

ClientConnection::ClientConnection(std::unique_ptr<Transport> transport,
                                   const Hello& hello,
                                   const Connection::QueueLimits& limits,
                                   const KeepAlive& keep_alive,
                                   absl::Duration max_busy_poll,
                                   const Clock& clock, WaitingThreads threads,
                                   std::shared_ptr<Connectivity> connectivity)
    : clock_(clock),
      connectivity_(std::move(connectivity)),
      mutex_(connectivity_->mutex()),
      threads_(std::move(threads)),
      keep_alive_(keep_alive),
      busy_poll_(max_busy_poll),
      parked_poll_(max_busy_poll, BusyPoll::Yields::kYes),
      connection_(std::move(transport), hello, limits, Side::kServer, *this) {}

ClientConnection::~ClientConnection() {
  if (loop_ != nullptr) {
    loop_->Unwatch(connection_.pollable_fd(), loop_token_);
  }
}

void ClientConnection::Begin(PendingCall& call, ChannelLock& lock) {
  assert(lock.Holds(mutex_));
  if (!usable_) return FinishUnseen(call, true, ConnectionEnded(), lock);
  FlushLater(lock);  // the hello may be queued still
  call.connection = this;
  QueueOf(call).push_back(&call);
  Admit(lock);
  PlanLook();
}

void ClientConnection::Admit(ChannelLock& lock) {
  // Else they wait for why it ends.
  if (!connection_.sends()) return;
  // First, since they could wait for ever for small ones that go on coming.
  Admit(waiting_large_, lock);
  Admit(waiting_, lock);
  Admit(waiting_one_way_, lock);
}

void ClientConnection::Admit(std::deque<PendingCall*>& queue,
                             ChannelLock& lock) {
  while (!queue.empty() && !MustWait(*queue.front())) {
    PendingCall& call = *queue.front();
    absl::Status fits = CheckLimits(call.open_bytes, call.open_descriptors);
    if (fits.ok() && !CanName(call.method)) {
      // The call is one of those that wait, and looks for another connection.
      RefuseNewCalls(
          absl::UnavailableError("the connection has used its method ids"),
          lock);
      return;
    }
    queue.pop_front();
    if (fits.ok()) {
      SendOpen(call, lock);
    } else {
      Finish(call, std::move(fits), lock);
    }
  }
}

absl::Status ClientConnection::CheckLimits(size_t bytes,
                                           size_t descriptors) const {
  if (!server_.has_value()) return absl::OkStatus();
  if (bytes > server_->max_message_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the request of ", bytes, " bytes exceeds the server's limit of ",
        server_->max_message_bytes));
  }
  if (descriptors > server_->max_descriptors) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the request with ", descriptors,
                     " descriptors exceeds the server's limit of ",
                     server_->max_descriptors));
  }
  return absl::OkStatus();
}

bool ClientConnection::MustWait(const PendingCall& call) {
  const Hello& limits = server_.has_value() ? *server_ : Hello();
  if (!call.method.one_way &&
      calls_.size() - one_way_calls_ >= limits.max_calls) {
    return true;
  }
  if (call.method.one_way && large_one_way_ != 0) return true;
  if (!connection_.HasRoom(SizeOf(call.open.size()))) return true;
  // Until the server's hello is here, only what every server takes is sent.
  return !server_.has_value() &&
         (call.open_bytes > limits.max_message_bytes ||
          call.open_descriptors > limits.max_descriptors);
}

void ClientConnection::SendOpen(PendingCall& call, ChannelLock& lock) {
  call.id = static_cast<uint32_t>(next_id_++);
  CompleteOpen(call.open, call.id, MethodId(call.method),
               call.deadline == kNoDeadline
                   ? absl::InfiniteDuration()
                   : TimeUntil(call.deadline, clock_.Now()));
  calls_.emplace(call.id, &call);
  if (call.method.one_way) {
    ++one_way_calls_;
    if (call.open.size() > 1) large_one_way_ = call.id;
  }
  const bool queued = call.open_stays
                          ? connection_.EnqueueCopy(call.open.front())
                          : connection_.Enqueue(call.open);
  if (!queued) {
    usable_ = false;
    return EndUnsent(call, WithReason(ConnectionEnded()), lock);
  }
  FlushLater(lock);
  if (call.RequestStreams()) {
    call.outbox.ResetCredit(InitialCredit(server_));
    SendWaiting(call, lock);
  }
  if (call.id == kLastCallId) {
    RefuseNewCalls(absl::UnavailableError("the connection has used its ids"),
                   lock);
  }
}

bool ClientConnection::CanName(const Method& method) const {
  return method_ids_.size() < kMaxMethods ||
         method_ids_.contains(NameOf(method));
}

uint32_t ClientConnection::MethodId(const Method& method) {
  if (method.full_name == last_named_) return last_method_id_;
  const auto [it, is_new] = method_ids_.try_emplace(
      NameOf(method), static_cast<uint32_t>(method_ids_.size() + 1));
  if (is_new) {
    connection_.Enqueue(BuildMethod(it->second, method.full_name));
  }
  last_named_ = method.full_name;
  last_method_id_ = it->second;
  return it->second;
}

bool ClientConnection::SendAtOnce(PendingCall& call, OutgoingFrames& frames,
                                  size_t bytes, size_t descriptors,
                                  ChannelLock& lock) {
  if (call.id == 0 || !server_.has_value() ||
      bytes > server_->max_message_bytes ||
      descriptors > server_->max_descriptors ||
      !connection_.HasRoom(SizeOf(frames.size())) ||
      !call.outbox.SpendAtOnce(bytes, descriptors)) {
    return false;
  }
  EnqueueMessage(call, frames, lock);
  return true;
}

void ClientConnection::EnqueueMessage(PendingCall& call, OutgoingFrames& frames,
                                      ChannelLock& lock) {
  for (OutgoingFrame& frame : frames) SetCallId(frame, call.id);
  call.sent_behind_open = true;
  connection_.Enqueue(frames);
  // If the connection has ended.
  if (!frames.empty()) lock.DropLater(std::move(frames));
}

void ClientConnection::SendWaiting(PendingCall& call, ChannelLock& lock) {
  if (call.id == 0 || call.done) return;
  if (call.outbox.can_send()) {
    const size_t bytes = call.outbox.bytes();
    const size_t descriptors = call.outbox.descriptors();
    const Hello& limits = server_.has_value() ? *server_ : Hello();
    if (bytes > limits.max_message_bytes ||
        descriptors > limits.max_descriptors) {
      // Until the server's hello is here, only what every server takes is sent.
      if (!server_.has_value()) return;
      return Abandon(call, CheckLimits(bytes, descriptors), lock);
    }
    if (!connection_.HasRoom(SizeOf(call.outbox.frames()))) {
      if (!std::exchange(call.waits_for_room, true)) {
        without_room_.push_back(&call);
      }
      return;
    }
    OutgoingFrames frames = call.outbox.Take();
    EnqueueMessage(call, frames, lock);
    FlushLater(lock);
    call.Wake(CallEvent::kRoom, lock);
  }
  if (call.half_close_asked && call.outbox.has_room()) {
    call.half_close_asked = false;
    call.sent_behind_open = true;
    connection_.Enqueue(BuildHalfClose(call.id));
    FlushLater(lock);
  }
}

void ClientConnection::Grant(PendingCall& call, Credit credit,
                             ChannelLock& lock) {
  if (credit.empty() || call.done) return;
  OutgoingFrames frames = BuildCredit(call.id, credit);
  connection_.Enqueue(frames);
  FlushLater(lock);
}

void ClientConnection::Abandon(PendingCall& call, absl::Status why,
                               ChannelLock& lock) {
  assert(lock.Holds(mutex_));
  if (call.id == 0) {
    std::erase(QueueOf(call), &call);
  } else {
    if (!connection_.Withdraw(call.id)) {
      connection_.Enqueue(BuildControl(FrameType::kCancel, call.id));
    }
    FlushLater(lock);
  }
  Finish(call, std::move(why), lock);
  Admit(lock);
}

void ClientConnection::Remove(PendingCall& call) {
  if (call.id != 0 && calls_.erase(call.id) > 0 && call.method.one_way) {
    --one_way_calls_;
    if (call.id == large_one_way_) large_one_way_ = 0;
  }
  if (std::exchange(call.waits_for_room, false)) {
    std::erase(without_room_, &call);
  }
}

void ClientConnection::Finish(PendingCall& call, absl::Status status,
                              ChannelLock& lock) {
  Remove(call);
  call.End(std::move(status), lock);
}

void ClientConnection::Flush() {
  LoopCore* const loop = batching_loop_.load(std::memory_order_acquire);
  if (loop == nullptr || !loop->OnThisThread()) return connection_.Flush();
  if (!std::exchange(in_batch_, true)) loop->AtBatchEnd(shared_from_this());
}

void ClientConnection::FlushPutOff() {
  LoopCore* const loop = batching_loop_.load(std::memory_order_acquire);
  const bool batches = loop != nullptr && loop->OnThisThread();
  if (lingers_.exchange(false) || batches) connection_.Flush();
}

bool ClientConnection::Linger() {
  if (connection_.queued_bytes() >= Connection::kMostLingering) return false;
  lingers_.store(true);
  return true;
}

void ClientConnection::OnBatchEnd() {
  in_batch_ = false;
  connection_.Flush();
}

// What arrives.

void ClientConnection::OnHello(const Hello& hello) {
  ChannelLock lock(mutex_);
  // Streams began with what every server grants.
  const Credit guaranteed = InitialCredit(server_);
  server_ = hello;
  connectivity_->OnHello(*this, lock);
  const Credit granted = InitialCredit(server_);
  for (PendingCall* call : AllCalls()) {
    call->outbox.Grant(
        {.bytes = granted.bytes - guaranteed.bytes,
         .descriptors = granted.descriptors - guaranteed.descriptors});
    SendWaiting(*call, lock);
  }
  Admit(lock);
}

void ClientConnection::OnWriteBlockedChanged() {
  ChannelLock lock(mutex_);
  // The reader may be waiting without a look at whether there is room.
  threads_.WakeReader();
  for (WaitingThread* writer : writers_) writer->Wake(lock);
  if (!go_away_.ok()) EndUntaken(lock);
  if (loop_ != nullptr) {
    loop_->WatchRoom(connection_.pollable_fd(), loop_token_,
                     connection_.write_blocked());
  }
}

void ClientConnection::OnRoom() {
  ChannelLock lock(mutex_);
  for (PendingCall* call : std::exchange(without_room_, {})) {
    call->waits_for_room = false;
    SendWaiting(*call, lock);
  }
  Admit(lock);
}

}  // namespace fdrpc
