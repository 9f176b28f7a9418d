#include "client/channel_core.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/recycled.h"
#include "client/channel_call.h"
#include "fdrpc/answered_call.h"
#include "fdrpc/internal/take_reply.h"

namespace fdrpc {
namespace {

// How many calls have their turns before other channels of the loop get theirs.
constexpr int kMostTurns = 64;

}  // namespace

ChannelCore::ChannelCore(Reconnector::Connector connector,
                         const ChannelOptions& options,
                         std::shared_ptr<LoopCore> loop, const Clock& clock,
                         ChannelTarget target)
    : ChannelCore(std::make_shared<Connectivity>(), std::move(connector),
                  options, std::move(loop), clock, std::move(target)) {}

ChannelCore::ChannelCore(std::shared_ptr<Connectivity> connectivity,
                         Reconnector::Connector connector,
                         const ChannelOptions& options,
                         std::shared_ptr<LoopCore> loop, const Clock& clock,
                         ChannelTarget target)
    : ChannelBase(connectivity->mutex(), options, std::move(loop), clock,
                  std::move(target)),
      connectivity_(std::move(connectivity)),
      reconnector_(std::move(connector), this->options(), clock, connectivity_,
                   this->target()) {
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
  if (form == CallForm::kBlocking) ReadArrived(method);
  auto call = MakeRecycled<ChannelCall>(*this, method, options);
  if (form == CallForm::kNotified) call->RunOnLoop();
  call->KeepChannel(shared_from_this());
  call->Start(options, request, /*borrow_request=*/false);
  if (form == CallForm::kBlocking) call->AwaitWritten();
  return call;
}

void ChannelCore::ReadArrived(const Method& method) {
  std::shared_ptr<ClientConnection> connection;
  ChannelLock lock(mutex());
  connection = reconnector_.current();
  if (connection == nullptr) return;
  ConnectionReader& reader = connection->reader();
  if (!method.one_way) return reader.ReadArrived(lock);
  // It costs one system call, except seldom.
  const MonotonicTime now = clock().CoarseNow();
  if (reader.ReadsForSenders(now) && reader.has_sent_much()) {
    reader.ReadForSenders(now, lock);
  }
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
    (void)(*made)->reader().ReadWith(loop());
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

ChannelStatistics ChannelCore::statistics() {
  ChannelStatistics statistics;
  if (!CheckProcess().ok()) return statistics;
  ChannelLock lock(mutex());
  reconnector_.AddTo(statistics);
  return statistics;
}

ChannelState ChannelCore::state() {
  if (!CheckProcess().ok()) return ChannelState::kShutdown;
  ChannelLock lock(mutex());
  return connectivity_->state();
}

bool ChannelCore::uses_rings() {
  if (!CheckProcess().ok()) return false;
  ChannelLock lock(mutex());
  const auto connection = reconnector_.current();
  return connection != nullptr && connection->uses_rings();
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
  const MonotonicTime deadline = DeadlineAfter(clock().Now(), timeout);
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
  } while (clock().Now() < deadline);
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
  MonotonicTime now = clock().Now();
  while (now < deadline) {
    const MonotonicTime turn = waits.TurnOf(waiter);
    if (turn <= now) {
      got = GetConnection(lock);
      break;
    }
    lock.Unlock();
    thread.parker.Park(clock().SleepUntil(std::min(turn, deadline)));
    lock.Relock();
    now = clock().Now();
  }
  waits.Leave(waiter, lock);
  return got;
}

void ChannelCore::OnTime(MonotonicTime now, ChannelLock& lock) {
  for (int i = 0; i < kMostTurns; ++i) {
    ConnectionWaits::Waiter* const next = reconnector_.waits().TakeNext(now);
    if (next == nullptr) break;
    next->OnTurn(lock);
  }
}

}  // namespace fdrpc
