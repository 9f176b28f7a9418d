#include "client/channel_core.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/recycled.h"
#include "client/channel_call.h"
#include "fdrpc/answered_call.h"
#include "fdrpc/internal/take_reply.h"
#include "os/busy_poll.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

// How much a loop does for a channel before others get their turn.
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
  // A shorter interval would only cause traffic.
  constexpr absl::Duration kShortest = absl::Milliseconds(10);
  options.keepalive_interval =
      std::max<absl::Duration>(options.keepalive_interval, kShortest);
  options.keepalive_timeout =
      std::max<absl::Duration>(options.keepalive_timeout, kShortest);
  return options;
}

}  // namespace

ChannelCore::ChannelCore(Reconnector::Connector connector,
                         const ChannelOptions& options,
                         std::shared_ptr<LoopCore> loop, const Clock& clock)
    : options_(WithinLimits(options)),
      clock_(clock),
      connectivity_(std::make_shared<Connectivity>()),
      reconnector_(std::move(connector), options_, clock_, connectivity_),
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
  connection = reconnector_.current();
  if (connection != nullptr) connection->reader().ReadWhatCame(lock);
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
  // The channel's loop is the parent's.
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
  if (std::shared_ptr<ClientConnection> current = reconnector_.current()) {
    return current;
  }
  absl::StatusOr<std::shared_ptr<ClientConnection>> made =
      reconnector_.Connect(lock);
  Arm();
  if (made.ok() && *made != nullptr && connectivity_->watched()) {
    // Calls continue without the loop. Then the next one notices the
    // connection's end.
    (void)(*made)->reader().ReadWith(loop_);
  }
  return made;
}

void ChannelCore::Wait(ConnectionWaits::Waiter& waiter) {
  reconnector_.waits().Enter(waiter);
  Arm();
}

void ChannelCore::OnServerReady(ChannelLock& lock) {
  reconnector_.waits().AdmitAll(lock);
  Arm();
}

ChannelState ChannelCore::state() {
  if (!CheckProcess().ok()) return ChannelState::kShutdown;
  ChannelLock lock(mutex());
  return connectivity_->state();
}

absl::StatusOr<ChannelStateWatch> ChannelCore::WatchState(
    absl::AnyInvocable<void(ChannelState)> on_change) {
  absl::Status status = CheckProcess();
  if (!status.ok()) return status;
  absl::StatusOr<std::shared_ptr<LoopCore>> loop = GetLoop();
  if (!loop.ok()) return loop.status();
  auto watch = std::make_shared<StateWatch>(*loop, std::move(on_change));
  ChannelLock lock(mutex());
  if (const auto connection = reconnector_.current(); connection != nullptr) {
    // So that its end is noticed without calls, too.
    status = connection->reader().ReadWith(*loop);
    if (!status.ok()) return status;
  }
  connectivity_->Add(*watch);
  return ChannelStateWatch(connectivity_, std::move(watch));
}

absl::Status ChannelCore::WaitForReady(absl::Duration timeout) {
  absl::Status process = CheckProcess();
  if (!process.ok()) return process;
  const MonotonicTime deadline = DeadlineAfter(clock_.Now(), timeout);
  // Makes an attempt of its own only if nobody else does.
  bool first = true;
  do {
    absl::StatusOr<std::shared_ptr<ClientConnection>> got =
        AwaitConnection(first, deadline);
    first = false;
    if (!got.ok()) {
      if (absl::IsUnavailable(got.status())) continue;
      return got.status();
    }
    if (*got != nullptr && (*got)->AwaitReady(deadline)) {
      return absl::OkStatus();
    }
    // No attempt after the timeout: the error of the last one in time is the
    // reason.
  } while (clock_.Now() < deadline);
  ChannelLock lock(mutex());
  return absl::DeadlineExceededError(absl::StrCat(
      "the server was not ready in time: ", reconnector_.WhyNotReady()));
}

absl::StatusOr<std::shared_ptr<ClientConnection>> ChannelCore::AwaitConnection(
    bool at_once, MonotonicTime deadline) {
  WaitingThread thread;
  ConnectionWaits::Waiter waiter(/*patient=*/true, &thread);
  absl::StatusOr<std::shared_ptr<ClientConnection>> got = nullptr;
  ChannelLock lock(mutex());
  if (at_once && !reconnector_.Pauses()) return GetConnection(lock);
  ConnectionWaits& waits = reconnector_.waits();
  waits.Enter(waiter);
  MonotonicTime now = clock_.Now();
  while (now < deadline) {
    const MonotonicTime turn = waits.TurnOf(waiter);
    if (turn <= now) {
      got = GetConnection(lock);
      break;
    }
    lock.Unlock();
    thread.parker.Park(clock_.SleepUntil(std::min(turn, deadline)));
    lock.Relock();
    now = clock_.Now();
  }
  waits.Leave(waiter, lock);
  return got;
}

void ChannelCore::SetTimer(MonotonicTime at, CallTimer& timer) {
  timers_.Set(timer, at);
  Arm();
}

void ChannelCore::Arm() {
  const MonotonicTime at =
      std::min(timers_.next(), reconnector_.waits().next_turn());
  // Otherwise it wakes in time anyway.
  if (at < timer_.at()) loop_->SetTimer(timer_, at, weak_from_this());
}

void ChannelCore::OnWake() {
  ChannelLock lock(mutex());
  const MonotonicTime now = clock_.Now();
  for (int i = 0; i < kMostAtOnce; ++i) {
    TimerQueue::Timer* const expired = timers_.TakeExpired(now);
    if (expired == nullptr) break;
    static_cast<CallTimer*>(expired)->OnExpired(lock);
  }
  for (int i = 0; i < kMostAtOnce; ++i) {
    ConnectionWaits::Waiter* const next = reconnector_.waits().TakeNext(now);
    if (next == nullptr) break;
    next->OnTurn(lock);
  }
  Arm();
}

}  // namespace fdrpc
