#include "client/pending_call.h"

#include <utility>

namespace fdrpc {

PendingCall::PendingCall(const Method& of, MonotonicTime until,
                         MessageLimits reply_limits, Credit window)
    : method(of),
      deadline(until),
      state({.side = Side::kClient,
             .sends_stream = method.streams_requests(),
             .receive_limits = reply_limits,
             .receive_window = method.streams_replies()
                                   ? std::optional<Credit>(window)
                                   : std::nullopt}) {}

void PendingCall::EndWaits(ChannelLock& lock) {
  while (const CallWait wait = state.TakeEndedWait()) {
    if (wait.thread != nullptr) {
      static_cast<WaitingThread*>(wait.thread)->Wake(lock);
    } else {
      loop->Post(*wait.continuation);
    }
  }
}

void PendingCall::WakeThreads(ChannelLock& lock) {
  if (writer != nullptr) writer->Wake(lock);
  for (int event = 0; event < kCallEvents; ++event) {
    CallThread* thread = state.waits().Of(static_cast<CallEvent>(event)).thread;
    if (thread != nullptr) static_cast<WaitingThread*>(thread)->Wake(lock);
  }
}

void PendingCall::End(absl::Status why, ChannelLock& lock) {
  connection = nullptr;
  status = std::move(why);
  state.End();
  if (!open_stays) lock.DropLater(std::exchange(open, {}));
  lock.DropLater(std::exchange(message, {}));
  if (writer != nullptr) writer->Wake(lock);
  EndWaits(lock);
}

}  // namespace fdrpc
