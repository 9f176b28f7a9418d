#include "client/pending_call.h"

#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "os/call_probes.h"

namespace fdrpc {

PendingCall::PendingCall(const Method& of, MonotonicTime until,
                         MessageLimits reply_limits, Credit window)
    : method(of),
      deadline(until),
      trace(Side::kClient, method.full_name,
            [this] {
              return deadline == kNoDeadline
                         ? std::string()
                         : absl::StrCat(", deadline in ",
                                        absl::FormatDuration(TimeUntil(
                                            deadline, Clock::Real().Now())));
            }),
      state({.side = Side::kClient,
             .sends_stream = method.streams_requests(),
             .receive_limits = reply_limits,
             .receive_window = method.streams_replies()
                                   ? std::optional<Credit>(window)
                                   : std::nullopt}) {
  ProbeClientCallStart(this, method.full_name);
}

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
  trace.End(method.full_name, why);
  if (!state.ended()) ProbeClientCallEnd(this, method.full_name, why);
  connection = nullptr;
  status = std::move(why);
  state.End();
  if (!request.stays()) lock.DropLater(std::move(open));
  lock.DropLater(std::move(message));
  if (writer != nullptr) writer->Wake(lock);
  EndWaits(lock);
}

absl::Status PendingCall::NamedStatus(std::string_view target) const {
  if (status.ok() || status_is_servers) return status;
  absl::Status named(
      status.code(),
      absl::StrCat(std::string(status.message()), " (",
                   std::string(method.full_name), target.empty() ? "" : " at ",
                   std::string(target), ")"));
  status.ForEachPayload([&named](auto type, const absl::Cord& payload) {
    named.SetPayload(type, payload);
  });
  return named;
}

void PendingCall::SpoilReply(absl::Status why) {
  if (!status.ok()) return;
  trace.Note(method.full_name, [&why] {
    return absl::StrCat("has a reply that is not valid: ",
                        std::string(why.message()));
  });
  status = std::move(why);
  status_is_servers = false;
}

}  // namespace fdrpc
