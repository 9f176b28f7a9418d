#include "client/datagram_client_call.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/apply_frame.h"
#include "client/call_request.h"
#include "connection/outgoing_datagram.h"
#include "wire/datagram.h"
#include "wire/limits.h"

namespace fdrpc {

absl::Status DatagramClientCall::CheckMethod(const Method& method) {
  if (method.kind == MethodKind::kUnary) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      std::string(method.full_name),
      " has a stream, and a channel without a connection makes only unary and "
      "one-way calls; use a channel with one (ChannelOptions::connectionless, "
      "or a pair of seqpacket sockets)"));
}

DatagramClientCall::DatagramClientCall(DatagramChannel& channel,
                                       const Method& method,
                                       const CallOptions& options)
    : ChannelCallBase(channel, method, options),
      channel_(channel),
      waits_for_server_(options.wait_for_ready) {}

DatagramClientCall::~DatagramClientCall() {
  StopCancellation();
  if (inherited()) return;
  ChannelLock lock(mutex());
  End(CallerCancellation::Cancelled(), lock);
}

absl::Status DatagramClientCall::Prepare(const OutgoingMessage& request,
                                         const Metadata& metadata) {
  CallRequest frames;
  // The frames are made at once, from the caller's own.
  absl::Status prepared = frames.Prepare(
      call_.method, &request, /*borrow=*/true,
      /*has_timeout=*/call_.deadline != kNoDeadline, metadata, call_.open);
  if (!prepared.ok()) return prepared;
  if (frames.descriptors() > kMaxSentFrameDescriptors) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the request has ", frames.descriptors(),
        " descriptors, and a datagram takes ", kMaxSentFrameDescriptors,
        ": make this call over a connection"));
  }
  const size_t bytes = kDatagramHeaderBytes + call_.method.full_name.size() +
                       BytesOf(call_.open);
  if (bytes > kMaxPacketBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the request, with its method and metadata, has ", bytes,
                     " bytes, and a datagram takes ", kMaxPacketBytes,
                     ": make this call over a connection"));
  }
  return prepared;
}

void DatagramClientCall::Start(const CallOptions& options,
                               const OutgoingMessage& request) {
  absl::Status status = CallerCancellation::Check(options);
  if (status.ok()) status = Prepare(request, options.metadata);
  ChannelCallBase::Start(options, std::move(status));
}

void DatagramClientCall::Begin(ChannelLock& lock) {
  channel_.Begin(*this, lock);
}

IoResult DatagramClientCall::TrySend(const DatagramSocket& socket, uint64_t key,
                                     OutgoingFrames& frames) const {
  const MonotonicTime deadline = call_.deadline;
  CompleteOpen(frames, kDatagramCallId, kDatagramMethodId,
               deadline == kNoDeadline
                   ? absl::InfiniteDuration()
                   : absl::FromChrono(deadline - clock().Now()));
  std::string header;
  AppendDatagramCall({.key = key, .call = number_}, call_.method.full_name,
                     header);
  const OutgoingDatagram datagram(header, frames);
  TraceSentDatagram(Side::kClient, frames.front());
  return socket.Send(datagram.pieces(), datagram.descriptors());
}

void DatagramClientCall::OnAnswer(std::string_view frames, bool cut_off,
                                  ReceivedDescriptors& set, ChannelLock& lock) {
  answered_ = true;
  if (cut_off) return EndBroken("a datagram of more than 65,536 bytes", lock);
  while (!call_.state.ended()) {
    IncomingFrame frame;
    const absl::Status taken =
        TakeDatagramFrame(frames, Side::kServer, frame.header, frame.payload);
    if (!taken.ok()) return EndBroken(std::string(taken.message()), lock);
    const auto type = static_cast<FrameType>(frame.header.type);
    if (type == FrameType::kStatus) {
      if (!frames.empty()) return EndBroken("a frame after the status", lock);
      if (!set.truncated && frame.header.descriptor_count != set.fds.size()) {
        return EndBroken(
            "another number of descriptors than the datagram's frame has",
            lock);
      }
      frame.descriptors = std::move(set.fds);
      frame.descriptors_truncated = set.truncated;
    } else if (type != FrameType::kHeaders) {
      return EndBroken("a frame that is no answer", lock);
    }
    OnFrame(frame, lock);
  }
}

void DatagramClientCall::OnFrame(IncomingFrame& frame, ChannelLock& lock) {
  TraceDatagram(Side::kClient, /*sent=*/false, frame.header);
  FrameEffect effect = ApplyFrame(call_, frame, lock);
  switch (effect.action) {
    case FrameEffect::Action::kNone:
    case FrameEffect::Action::kSend:
      return;
    case FrameEffect::Action::kViolation:
      return EndBroken(std::string(effect.status.message()), lock);
    case FrameEffect::Action::kFinish:
      call_.status_is_servers = true;
      return End(std::move(effect.status), lock);
    case FrameEffect::Action::kAbandon:
      return End(std::move(effect.status), lock);
  }
}

void DatagramClientCall::EndBroken(std::string_view what, ChannelLock& lock) {
  End(absl::InternalError(
          absl::StrCat("the server broke the protocol: ", std::string(what))),
      lock);
}

void DatagramClientCall::End(absl::Status why, ChannelLock& lock) {
  if (call_.state.ended()) return;
  CancelTimer();
  channel_.Forget(*this, answered_);
  waits_ = false;
  if (!why.ok()) lock.DropLater(call_.state.Drop());
  call_.End(std::move(why), lock);
  channel_.SendMore(lock);
}

void DatagramClientCall::EndAtDeadline(ChannelLock& lock) {
  End(absl::DeadlineExceededError(
          waits_ ? absl::StrCat("the deadline passed while the call waited for "
                                "the server: ",
                                channel_.WhyNotSent())
                 : "the call's deadline has passed, and the server has not "
                   "answered"),
      lock);
}

// ---- messages

bool DatagramClientCall::TakeReceived(ReceivedMessage& received, ChannelLock&) {
  Credit grant;
  return call_.state.Take(received, grant);
}

bool DatagramClientCall::Send(OutgoingMessage message, bool) {
  // The call has one request, which went with its start.
  if (message.parcel != nullptr) message.parcel->TakeDescriptors();
  return false;
}

// ---- waits

bool DatagramClientCall::Ready(CallEvent event) {
  if (inherited()) return true;
  ChannelLock lock(mutex());
  if (IsLate()) EndAtDeadline(lock);
  return call_.state.Ready(event);
}

void DatagramClientCall::Await(CallEvent event) {
  if (inherited()) return;
  WaitingThread thread;
  ChannelLock lock(mutex());
  if (call_.state.Ready(event)) return;
  Wait(event, {.thread = &thread});
  while (!call_.state.Ready(event)) {
    if (IsLate()) {
      EndAtDeadline(lock);
    } else {
      channel_.WaitOnce(thread, call_.deadline, lock);
    }
  }
  call_.state.waits().Remove(event, thread);
  channel_.EndWait(lock);
}

}  // namespace fdrpc
