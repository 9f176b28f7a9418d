#include "client/pending_call.h"

#include <utility>

namespace fdrpc {

PendingCall::PendingCall(const Method& of, MonotonicTime until,
                         MessageLimits reply_limits, Credit window)
    : method(of),
      deadline(until),
      inbox(reply_limits,
            ReplyStreams() ? std::optional<Credit>(window) : std::nullopt) {}

bool PendingCall::Ready(CallEvent event) const {
  switch (event) {
    case CallEvent::kMessage:
      return done || inbox.has_message();
    case CallEvent::kRoom:
      return done || outbox.has_room();
    case CallEvent::kHeaders:
      return done || has_headers || inbox.has_message();
    case CallEvent::kEnd:
      return done;
  }
  return true;
}

void PendingCall::Wake(CallEvent event, ChannelLock& lock) {
  Wait& waiting = wait(event);
  if (Continuation* next = std::exchange(waiting.continuation, nullptr)) {
    loop->Post(*next);
  }
  if (waiting.thread != nullptr) waiting.thread->Wake(lock);
}

void PendingCall::WakeAll(ChannelLock& lock) {
  for (int event = 0; event < kCallEvents; ++event) {
    Wake(static_cast<CallEvent>(event), lock);
  }
}

void PendingCall::WakeThreads(ChannelLock& lock) {
  for (int event = 0; event < kCallEvents; ++event) {
    WaitingThread* thread = wait(static_cast<CallEvent>(event)).thread;
    if (thread != nullptr) thread->Wake(lock);
  }
}

void PendingCall::End(absl::Status why, ChannelLock& lock) {
  connection = nullptr;
  status = std::move(why);
  done = true;
  if (!open_stays) lock.DropLater(std::exchange(open, {}));
  lock.DropLater(outbox.Drop());
  WakeAll(lock);
}

}  // namespace fdrpc
