#include "client/channel_core.h"

#include <algorithm>
#include <cassert>

#include "base/recycled.h"
#include "client/channel_call.h"
#include "fdrpc/answered_call.h"
#include "fdrpc/internal/take_reply.h"
#include "os/busy_poll.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

// What a loop does for a channel before others get their turn.
constexpr int kMostAtOnce = 64;

// Servers rely on what the protocol guarantees.
ChannelOptions WithinLimits(ChannelOptions options) {
  options.max_reply_bytes =
      std::max(options.max_reply_bytes, kGuaranteedMessageBytes);
  options.max_reply_descriptors =
      std::max(options.max_reply_descriptors, kGuaranteedDescriptors);
  options.stream_window_bytes = std::clamp(options.stream_window_bytes,
                                           kGuaranteedCreditBytes, kMaxCredit);
  options.stream_window_descriptors =
      std::clamp(options.stream_window_descriptors,
                 kGuaranteedCreditDescriptors, kMaxCredit);
  // Less would be traffic for nothing.
  constexpr absl::Duration kShortest = absl::Milliseconds(10);
  options.keepalive_interval =
      std::max<absl::Duration>(options.keepalive_interval, kShortest);
  options.keepalive_timeout =
      std::max<absl::Duration>(options.keepalive_timeout, kShortest);
  return options;
}

Hello ClientHello(const ChannelOptions& options) {
  Hello hello;
  hello.max_message_bytes = options.max_reply_bytes;
  hello.max_descriptors = options.max_reply_descriptors;
  hello.initial_credit_bytes = options.stream_window_bytes;
  hello.initial_credit_descriptors = options.stream_window_descriptors;
  return hello;
}

}  // namespace

ChannelCore::ChannelCore(Connector connector, const ChannelOptions& options,
                         std::shared_ptr<LoopCore> loop, const Clock& clock)
    : connector_(std::move(connector)),
      options_(WithinLimits(options)),
      clock_(clock),
      connectivity_(std::make_shared<Connectivity>()),
      loop_(std::move(loop)) {
  BusyPoll::PrepareSystemCalls();
  ChannelLock lock(mutex());
  connectivity_->SetListener(this);
}

ChannelCore::~ChannelCore() {
  if (inherited_by_fork()) return;
  ChannelLock lock(mutex());
  connectivity_->SetListener(nullptr);
}

absl::Status ChannelCore::CallUnary(const Method& method,
                                    OutgoingMessage request,
                                    IncomingMessage reply,
                                    const CallOptions& options) {
  if (inherited_by_fork()) return CheckProcess();
  ChannelCall call(*this, method, options);
  call.Start(options, &request, /*borrow_request=*/true);
  call.Await(CallEvent::kEnd);
  return internal::TakeReply(call, reply);
}

std::shared_ptr<ClientCall> ChannelCore::StartCall(
    const Method& method, const OutgoingMessage* request,
    const CallOptions& options, CallForm form) {
  if (inherited_by_fork()) {
    return std::make_shared<AnsweredCall>(*this, form, CheckProcess());
  }
  // A one-way call costs one system call.
  if (form == CallForm::kBlocking && !method.one_way) ReadWhatCame();
  auto call = MakeRecycled<ChannelCall>(*this, method, options);
  if (form == CallForm::kNotified) call->RunOnLoop();
  call->KeepChannel(shared_from_this());
  call->Start(options, request, /*borrow_request=*/false);
  if (form == CallForm::kBlocking) call->AwaitWritten();
  return call;
}

void ChannelCore::ReadWhatCame() {
  std::shared_ptr<ClientConnection> connection;
  ChannelLock lock(mutex());
  connection = connection_;
  if (connection != nullptr) connection->ReadWhatCame(lock);
}

std::shared_ptr<ContinuationRunner> ChannelCore::runner() {
  absl::StatusOr<std::shared_ptr<LoopCore>> loop = GetLoop();
  return loop.ok() ? *std::move(loop) : nullptr;
}

absl::Status ChannelCore::CheckProcess() const {
  if (!inherited_by_fork()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the channel was inherited through fork(); make a new one in the child");
}

absl::StatusOr<std::shared_ptr<LoopCore>> ChannelCore::GetLoop() {
  // That of the channel is the parent's.
  if (inherited_by_fork()) return LoopCore::Default();
  {
    ChannelLock lock(mutex());
    if (loop_ != nullptr) return loop_;
  }
  absl::StatusOr<std::shared_ptr<LoopCore>> made = LoopCore::Default();
  if (!made.ok()) return made;
  ChannelLock lock(mutex());
  loop_ = *std::move(made);
  return loop_;
}

absl::StatusOr<std::shared_ptr<ClientConnection>> ChannelCore::GetConnection(
    ChannelLock& lock) {
  assert(lock.Holds(mutex()));
  if (has_connection()) return connection_;
  lock.DropLater(std::move(connection_));
  absl::StatusOr<std::shared_ptr<ClientConnection>> connection = Connect();
  const MonotonicTime now = clock_.Now();
  if (!connection.ok()) {
    const bool unavailable = absl::IsUnavailable(connection.status());
    connectivity_->OnNotConnected(connection.status(), /*brief=*/unavailable,
                                  lock);
    if (unavailable) {
      waits_.OnNotConnected(now, /*busy=*/false, lock);
    } else {
      waits_.AdmitAll(lock);
      Arm();
    }
    return connection.status();
  }
  if (*connection == nullptr) {
    connectivity_->OnNotConnected(Busy(), /*brief=*/false, lock);
    waits_.OnNotConnected(now, /*busy=*/true, lock);
    return connection;
  }
  connection_ = *std::move(connection);
  connectivity_->OnConnected(*connection_, lock);
  waits_.OnConnected(now, lock);
  Arm();
  if (connectivity_->watched()) {
    // Calls go on without. Then the next one notices that it has ended.
    (void)connection_->ReadWith(loop_);
  }
  return connection_;
}

bool ChannelCore::has_connection() const {
  return connection_ != nullptr && connection_->usable();
}

absl::Status ChannelCore::WhyNotConnected() {
  const absl::Status& failure = connectivity_->failure();
  return connectivity_->failure_is_brief() && explainer_ != nullptr
             ? explainer_(failure)
             : failure;
}

bool ChannelCore::Reconnects() {
  return !has_connection() && waits_.Pauses(clock_.Now());
}

void ChannelCore::Wait(ConnectionWaits::Waiter& waiter) {
  waits_.Enter(waiter);
  Arm();
}

void ChannelCore::OnServerReady(ChannelLock& lock) {
  waits_.AdmitAll(lock);
  Arm();
}

absl::StatusOr<std::shared_ptr<ClientConnection>> ChannelCore::Connect() {
  absl::StatusOr<std::unique_ptr<Transport>> transport = connector_();
  if (!transport.ok()) return transport.status();
  if (*transport == nullptr) return nullptr;
  return ClientConnection::Create(
      *std::move(transport), ClientHello(options_),
      {.bytes = options_.max_queued_bytes,
       .descriptors = options_.max_queued_descriptors},
      KeepAlive(options_.keepalive_interval, options_.keepalive_timeout),
      options_.max_busy_poll, clock_, connectivity_);
}

absl::Status ChannelCore::Busy() {
  return absl::UnavailableError(
      "the server does not take the connection: its queue of connections is "
      "full");
}

void ChannelCore::Forget(const ClientConnection& connection,
                         ChannelLock& lock) {
  if (connection_.get() == &connection) {
    lock.DropLater(std::move(connection_));
  }
}

void ChannelCore::LookAt(MonotonicTime at, Timed& timed) {
  timers_.Set(timed, at);
  Arm();
}

void ChannelCore::Arm() {
  const MonotonicTime at = std::min(timers_.next(), waits_.next_turn());
  // Else it wakes in time, and looks.
  if (at < timer_.at()) loop_->SetTimer(timer_, at, weak_from_this());
}

void ChannelCore::OnWake() {
  ChannelLock lock(mutex());
  const MonotonicTime now = clock_.Now();
  for (int i = 0; i < kMostAtOnce; ++i) {
    TimerQueue::Timer* const expired = timers_.TakeExpired(now);
    if (expired == nullptr) break;
    static_cast<Timed*>(expired)->OnTime(lock);
  }
  for (int i = 0; i < kMostAtOnce; ++i) {
    ConnectionWaits::Waiter* const next = waits_.TakeNext(now);
    if (next == nullptr) break;
    next->OnTurn(lock);
  }
  Arm();
}

}  // namespace fdrpc
