#include "client/call_sender.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace fdrpc {
namespace {

// Of a request or message of that many frames.
Connection::Size SizeOf(size_t frames) {
  return frames > 1 ? Connection::Size::kAny : Connection::Size::kOneFrame;
}

}  // namespace

bool CallSender::CanGo(const PendingCall& call) {
  if (!connection_.HasRoom(SizeOf(call.open.size()))) return false;
  return !server_.MayTakeMore() ||
         server_.Takes(call.request.bytes(), call.request.descriptors());
}

bool CallSender::SendOpen(PendingCall& call, ChannelLock& lock) {
  calls_.MarkSent(call);
  CompleteOpen(call.open, call.id, MethodId(call.method),
               call.deadline == kNoDeadline
                   ? absl::InfiniteDuration()
                   : TimeUntil(call.deadline, clock_.Now()));
  const bool queued = call.request.stays()
                          ? connection_.EnqueueCopy(call.open.front())
                          : connection_.Enqueue(call.open);
  if (!queued) return false;
  call.trace.Note(call.method.full_name, [&] {
    return absl::StrCat("is call ", call.id, " of ",
                        connection_.trace().name());
  });
  writer_.FlushLater(lock);
  call.state.OnOpened(call.method.streams_requests() ? server_.initial_credit()
                                                     : Credit{});
  return true;
}

uint32_t CallSender::MethodId(const Method& method) {
  const MethodIds::Id id = methods_.Of(method.full_name);
  if (id.is_new) connection_.Enqueue(BuildMethod(id.id, method.full_name));
  return id.id;
}

void CallSender::EnqueueMessage(PendingCall& call, OutgoingFrames& frames,
                                ChannelLock& lock) {
  for (OutgoingFrame& frame : frames) SetCallId(frame, call.id);
  connection_.Enqueue(frames);
  // If the connection has ended.
  lock.DropLater(std::move(frames));
}

absl::Status CallSender::SendWaiting(PendingCall& call, OutgoingFrames& message,
                                     ChannelLock& lock) {
  CallState::Next next = call.state.next();
  if (next == CallState::Next::kMessage) {
    const size_t bytes = call.state.waiting_bytes();
    const size_t descriptors = call.state.waiting_descriptors();
    if (!server_.Takes(bytes, descriptors)) {
      return server_.CheckSize(bytes, descriptors);
    }
    if (!connection_.HasRoom(SizeOf(message.size()))) {
      calls_.AwaitRoom(call);
      return absl::OkStatus();
    }
    call.state.OnQueued(next);
    EnqueueMessage(call, message, lock);
    call.EndWaits(lock);
    next = call.state.next();
  }
  if (next == CallState::Next::kHalfClose) {
    call.state.OnQueued(next);
    connection_.Enqueue(BuildHalfClose(call.id));
  }
  return absl::OkStatus();
}

void CallSender::Grant(const PendingCall& call, Credit credit,
                       ChannelLock& lock) {
  if (credit.empty() || call.state.ended()) return;
  OutgoingFrames frames = BuildCredit(call.id, credit);
  connection_.Enqueue(frames);
  writer_.FlushLater(lock);
}

void CallSender::Cancel(const PendingCall& call, ChannelLock& lock) {
  if (!connection_.Withdraw(call.id)) {
    connection_.Enqueue(BuildControl(FrameType::kCancel, call.id));
  }
  writer_.FlushLater(lock);
}

}  // namespace fdrpc
