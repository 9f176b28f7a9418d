// How threads and continuations wait for what a call brings: a part of
// ChannelCall.

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "client/channel_call.h"

namespace fdrpc {
namespace {

// For how long a thread whose call has ended sees to it that the server hears
// so: a server that reads takes less, and one that hangs is not waited for.
constexpr absl::Duration kLastWords = absl::Milliseconds(20);

}  // namespace

bool ChannelCall::ReadyForThisThread(CallEvent event) const {
  switch (event) {
    case CallEvent::kMessage:
      return state_.inbox.has_message();
    case CallEvent::kRoom:
      return state_.outbox.has_room();
    default:
      return false;
  }
}

bool ChannelCall::TurnIsOver() const {
  return state_.loop != nullptr && state_.loop->OnThisThread() &&
         state_.loop->TurnIsOver();
}

bool ChannelCall::Ready(CallEvent event) {
  if (inherited()) return true;
  ChannelLock lock(mutex_);
  NoticeEnd(lock);
  // Who never waits would keep the loop from writing what is queued.
  return state_.Ready(event) && !TurnIsOver();
}

void ChannelCall::Await(CallEvent event) {
  if (inherited() || ReadyForThisThread(event)) return;
  WaitingThread thread;
  // The one that this thread reads, or is parked at.
  std::shared_ptr<ClientConnection> connection;
  ChannelLock lock(mutex_);
  FDRPC_CHECK(state_.wait(event).thread == nullptr,
              absl::StrCat("two threads wait for the same of a call: ",
                           std::string(state_.method.full_name)));
  state_.wait(event).thread = &thread;
  while (!state_.Ready(event)) {
    if (state_.deadline != kNoDeadline &&
        core_.clock().Now() >= state_.deadline) {
      EndAtDeadline(lock);
    } else if (state_.connection == nullptr) {
      attempts_.Await(thread, lock);
    } else {
      if (connection.get() != state_.connection) {
        lock.DropLater(std::exchange(connection, this->connection()));
      }
      connection->reader().WaitOnce(thread, state_.deadline, lock);
      // Somebody must read for those who still wait there.
      if (connection.get() != state_.connection)
        connection->reader().EndWait(lock);
    }
  }
  state_.wait(event).thread = nullptr;
  if (connection == nullptr) return;
  const bool last_words = state_.done && connection->reader().HasUnwritten() &&
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
  // Its last owner, perhaps, when the call has been taken off it.
  std::shared_ptr<ClientConnection> kept = connection();
  AwaitWritten(*kept, lock);
  lock.DropLater(std::move(kept));
}

void ChannelCall::AwaitWritten(ClientConnection& connection,
                               ChannelLock& lock) {
  WaitingThread thread;
  connection.reader().AddWriter(thread);
  // Nobody else waits for this; it is here to hear of the call's end.
  state_.wait(CallEvent::kRoom).thread = &thread;
  MonotonicTime until = state_.deadline;
  bool ending = false;
  while (connection.reader().HasUnwritten()) {
    const MonotonicTime now = core_.clock().Now();
    if (now >= state_.deadline) EndAtDeadline(lock);
    if (state_.done && !std::exchange(ending, true)) {
      until = DeadlineAfter(now, kLastWords);
    }
    if (now >= until) break;
    connection.reader().WaitOnce(thread, until, lock);
  }
  state_.wait(CallEvent::kRoom).thread = nullptr;
  connection.reader().RemoveWriter(thread);
  connection.reader().EndWait(lock);
}

void ChannelCall::Notify(CallEvent event, Continuation& continuation) {
  if (inherited()) {
    const auto loop = core_.GetLoop();
    return loop.ok() ? (*loop)->Post(continuation) : continuation.Run();
  }
  // The continuation may let go of the call before this function returns.
  const std::shared_ptr<ChannelCall> self = shared_from_this();
  if (state_.loop == nullptr) {
    // There is no loop to run it: the call failed for want of one, and says so.
    return continuation.Run();
  }
  ChannelLock lock(mutex_);
  FDRPC_CHECK(state_.wait(event).continuation == nullptr,
              absl::StrCat("two wait for the same of a call: ",
                           std::string(state_.method.full_name)));
  if (state_.Ready(event)) {
    state_.loop->Post(continuation);
  } else {
    state_.wait(event).continuation = &continuation;
  }
}

void ChannelCall::Forget(Continuation& continuation) {
  if (inherited()) {
    const auto loop = core_.GetLoop();
    if (loop.ok()) (*loop)->Remove(continuation);
    return;
  }
  ChannelLock lock(mutex_);
  for (int event = 0; event < kCallEvents; ++event) {
    auto& wait = state_.wait(static_cast<CallEvent>(event));
    if (wait.continuation == &continuation) {
      wait.continuation = nullptr;
      return;
    }
  }
  if (state_.loop != nullptr) state_.loop->Remove(continuation);
}

}  // namespace fdrpc
