#include "client/call_sender.h"

#include <utility>

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
         server_.Takes(call.open_bytes, call.open_descriptors);
}

bool CallSender::SendOpen(PendingCall& call, ChannelLock& lock) {
  calls_.MarkSent(call);
  CompleteOpen(call.open, call.id, MethodId(call.method),
               call.deadline == kNoDeadline
                   ? absl::InfiniteDuration()
                   : TimeUntil(call.deadline, clock_.Now()));
  const bool queued = call.open_stays
                          ? connection_.EnqueueCopy(call.open.front())
                          : connection_.Enqueue(call.open);
  if (!queued) return false;
  writer_.FlushLater(lock);
  if (call.RequestStreams()) {
    call.outbox.ResetCredit(server_.initial_credit());
  }
  return true;
}

uint32_t CallSender::MethodId(const Method& method) {
  const MethodIds::Id id = methods_.Of(method.full_name);
  if (id.is_new) connection_.Enqueue(BuildMethod(id.id, method.full_name));
  return id.id;
}

bool CallSender::SendAtOnce(PendingCall& call, OutgoingFrames& frames,
                            size_t bytes, size_t descriptors,
                            ChannelLock& lock) {
  if (call.id == 0 || !server_.has_hello() ||
      !server_.Takes(bytes, descriptors) ||
      !connection_.HasRoom(SizeOf(frames.size())) ||
      !call.outbox.SpendAtOnce(bytes, descriptors)) {
    return false;
  }
  EnqueueMessage(call, frames, lock);
  return true;
}

void CallSender::EnqueueMessage(PendingCall& call, OutgoingFrames& frames,
                                ChannelLock& lock) {
  for (OutgoingFrame& frame : frames) SetCallId(frame, call.id);
  call.sent_behind_open = true;
  connection_.Enqueue(frames);
  // If the connection has ended.
  if (!frames.empty()) lock.DropLater(std::move(frames));
}

absl::Status CallSender::SendWaiting(PendingCall& call, ChannelLock& lock) {
  if (call.id == 0 || call.done) return absl::OkStatus();
  if (call.outbox.can_send()) {
    const size_t bytes = call.outbox.bytes();
    const size_t descriptors = call.outbox.descriptors();
    if (!server_.Takes(bytes, descriptors)) {
      return server_.CheckSize(bytes, descriptors);
    }
    if (!connection_.HasRoom(SizeOf(call.outbox.frames()))) {
      calls_.AwaitRoom(call);
      return absl::OkStatus();
    }
    OutgoingFrames frames = call.outbox.Take();
    EnqueueMessage(call, frames, lock);
    writer_.FlushLater(lock);
    call.Wake(CallEvent::kRoom, lock);
  }
  if (call.half_close_asked && call.outbox.has_room()) {
    call.half_close_asked = false;
    call.sent_behind_open = true;
    connection_.Enqueue(BuildHalfClose(call.id));
    writer_.FlushLater(lock);
  }
  return absl::OkStatus();
}

void CallSender::Grant(const PendingCall& call, Credit credit,
                       ChannelLock& lock) {
  if (credit.empty() || call.done) return;
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
