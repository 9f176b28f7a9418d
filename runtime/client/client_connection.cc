#include "client/client_connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "os/wait_ready.h"
#include "wire/metadata_block.h"
#include "wire/status_header.h"

namespace fdrpc {
namespace {

// Beyond this, calls wait until the server has read some of what is queued.
constexpr size_t kMaxQueuedBytes = 4u << 20;
constexpr uint32_t kLastCallId = 0xffffffff;

absl::Status DeadlineExceeded() {
  return absl::DeadlineExceededError("the call's deadline has passed");
}

absl::Status MoreThanOneMessage() {
  return absl::InternalError(
      "the server sent more than one message in reply to a unary call");
}

// Whether a server may send such a frame, for whichever call.
absl::Status CheckFrame(const FrameHeader& header) {
  const uint8_t flags = header.flags;
  bool valid = false;
  switch (static_cast<FrameType>(header.type)) {
    case FrameType::kHeaders:
      valid = flags == kFlagMetadata;
      break;
    case FrameType::kMessage:
      valid = (flags & ~kFlagMore) == kFlagMessage;
      break;
    case FrameType::kStatus:
      valid = (flags & ~kStatusFlags) == 0;
      break;
    case FrameType::kCredit:
      valid = true;
      break;
    default:
      break;
  }
  if (!valid) {
    return absl::InvalidArgumentError(absl::StrCat("a frame of type ",
                                                   header.type, " with flags ",
                                                   flags, " from a server"));
  }
  if ((flags & kFlagMessage) == 0 && header.descriptor_count != 0) {
    return absl::InvalidArgumentError("descriptors came without a message");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<ClientConnection>> ClientConnection::Create(
    std::unique_ptr<Transport> transport, const Hello& hello) {
  absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
  if (!wakeup.ok()) return wakeup.status();
  return std::shared_ptr<ClientConnection>(
      new ClientConnection(std::move(transport), hello, *std::move(wakeup)));
}

ClientConnection::ClientConnection(std::unique_ptr<Transport> transport,
                                   const Hello& hello, Wakeup wakeup)
    : wakeup_(std::move(wakeup)),
      connection_(std::move(transport), hello, *this) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::Run(PendingCall& call) {
  mu_.Lock();
  if (!call.done) {
    if (usable()) {
      waiting_.push_back(&call);
      Admit();
    } else {
      FinishUnseen(call, absl::UnavailableError("the connection has ended"));
    }
  }
  UnlockAndWake();
  connection_.Flush();
  Await(call);
}

void ClientConnection::Cancel(PendingCall& call, const absl::Status& why) {
  mu_.Lock();
  if (!call.done) {
    Abandon(call, why);
    Admit();
  }
  UnlockAndWake();
  connection_.Flush();
}

void ClientConnection::Await(PendingCall& call) {
  bool flush = false;
  mu_.Lock();
  while (!call.done) {
    if (reader_ == nullptr) {
      reader_ = &call;
      reader_waits_.store(true, std::memory_order_relaxed);
      mu_.Unlock();
      WaitAndRead(call.deadline);
      mu_.Lock();
      reader_ = nullptr;
    } else {
      Park(call);
      mu_.Unlock();
      call.parker.Park(call.deadline);
      mu_.Lock();
      Unpark(call);
    }
    if (!call.done && call.deadline != kNoDeadline &&
        Clock::Real().Now() >= call.deadline) {
      Abandon(call, DeadlineExceeded());
      Admit();
      flush = true;
    }
  }
  if (reader_ == nullptr && !parked_.empty()) {
    // Somebody must read for those who still wait.
    PendingCall& next = *parked_.back();
    next.parker.Give();
    to_wake_.push_back(next.parker.address());
  }
  UnlockAndWake();
  if (flush) connection_.Flush();
}

void ClientConnection::WaitAndRead(MonotonicTime deadline) {
  const bool write_blocked = connection_.write_blocked();
  WaitReady(connection_.pollable_fd(), write_blocked, wakeup_.fd(), deadline);
  reader_waits_.store(false, std::memory_order_relaxed);
  if (wakeup_pending_.exchange(false, std::memory_order_acq_rel)) {
    wakeup_.Clear();
  }
  if (write_blocked) connection_.OnWritable();
  connection_.Read();
}

void ClientConnection::Admit() {
  while (!waiting_.empty() && !MustWait(*waiting_.front())) {
    PendingCall& call = *waiting_.front();
    waiting_.pop_front();
    if (server_.has_value() &&
        call.request_bytes > server_->max_message_bytes) {
      Finish(call, absl::ResourceExhaustedError(
                       absl::StrCat("the request of ", call.request_bytes,
                                    " bytes exceeds the server's limit of ",
                                    server_->max_message_bytes)));
    } else if (server_.has_value() &&
               call.request_descriptors > server_->max_descriptors) {
      Finish(call, absl::ResourceExhaustedError(absl::StrCat(
                       "the request with ", call.request_descriptors,
                       " descriptors exceeds the server's limit of ",
                       server_->max_descriptors)));
    } else {
      SendOpen(call);
    }
  }
}

bool ClientConnection::MustWait(const PendingCall& call) {
  const Hello& limits = server_.has_value() ? *server_ : Hello();
  if (calls_.size() >= limits.max_calls ||
      connection_.queued_bytes() > kMaxQueuedBytes) {
    return true;
  }
  // Until the server's hello is here, only what every server takes is sent.
  return !server_.has_value() &&
         (call.request_bytes > limits.max_message_bytes ||
          call.request_descriptors > limits.max_descriptors);
}

void ClientConnection::SendOpen(PendingCall& call) {
  call.id = static_cast<uint32_t>(next_id_++);
  CompleteOpen(call.frames, call.id, MethodId(call.method),
               TimeUntil(call.deadline, Clock::Real().Now()));
  calls_.emplace(call.id, &call);
  if (!connection_.Enqueue(call.frames)) {
    FinishUnseen(call, absl::UnavailableError("the connection has ended"));
    return;
  }
  if (call.id == kLastCallId) {
    RefuseNewCalls(absl::UnavailableError("the connection has used its ids"));
  }
}

uint32_t ClientConnection::MethodId(const Method& method) {
  const auto [it, is_new] = method_ids_.try_emplace(
      &method, static_cast<uint32_t>(method_ids_.size() + 1));
  if (is_new) {
    connection_.Enqueue(BuildMethod(it->second, method.full_name));
  }
  return it->second;
}

void ClientConnection::Abandon(PendingCall& call, absl::Status why) {
  if (call.id == 0) {
    std::erase(waiting_, &call);
  } else if (!connection_.Withdraw(call.id)) {
    connection_.Enqueue(BuildControl(FrameType::kCancel, call.id));
  }
  Finish(call, std::move(why));
}

void ClientConnection::Finish(PendingCall& call, absl::Status status) {
  if (call.id != 0) calls_.erase(call.id);
  call.status = std::move(status);
  call.done = true;
  if (call.parked_index != PendingCall::kNotParked) {
    call.parker.Give();
    to_wake_.push_back(call.parker.address());
  } else if (reader_ == &call) {
    WakeReader();
  }
}

void ClientConnection::WakeReader() {
  if (reader_waits_.load(std::memory_order_relaxed) &&
      !wakeup_pending_.exchange(true, std::memory_order_acq_rel)) {
    wakeup_.Notify();
  }
}

void ClientConnection::FinishUnseen(PendingCall& call, absl::Status status) {
  call.unseen_by_server = true;
  Finish(call, std::move(status));
}

void ClientConnection::RefuseNewCalls(const absl::Status& why) {
  usable_.store(false, std::memory_order_release);
  for (PendingCall* call : std::exchange(waiting_, {})) {
    FinishUnseen(*call, why);
  }
}

void ClientConnection::OnHello(const Hello& hello) {
  mu_.Lock();
  server_ = hello;
  Admit();
  UnlockAndWake();
  connection_.Flush();
}

absl::Status ClientConnection::OnFrame(IncomingFrame& frame) {
  absl::Status status = CheckFrame(frame.header);
  if (!status.ok()) return status;
  mu_.Lock();
  const uint32_t id = frame.header.call_id;
  if (id == 0 || id >= next_id_) {
    status =
        absl::InvalidArgumentError("a frame for a call that was never made");
  } else if (auto it = calls_.find(id); it != calls_.end()) {
    status = OnCallFrame(*it->second, frame);
    Admit();
  }
  // Else it crossed with the call's end on this side; it is dropped.
  UnlockAndWake();
  connection_.Flush();
  return status;
}

absl::Status ClientConnection::OnCallFrame(PendingCall& call,
                                           IncomingFrame& frame) {
  switch (static_cast<FrameType>(frame.header.type)) {
    case FrameType::kHeaders:
      // The limits of metadata are those of a block: more of them would be
      // without one.
      if (std::exchange(call.has_headers, true)) {
        return absl::InvalidArgumentError("a call's headers came twice");
      }
      return DecodeMetadataBlock(frame.payload, call.headers);
    case FrameType::kMessage:
      if (call.reply.complete()) {
        Abandon(call, MoreThanOneMessage());
        return absl::OkStatus();
      }
      call.reply.Append(frame.payload, std::move(frame.descriptors),
                        frame.descriptors_truncated,
                        (frame.header.flags & kFlagMore) != 0);
      return absl::OkStatus();
    case FrameType::kStatus:
      return OnStatusFrame(call, frame);
    default:
      return absl::OkStatus();
  }
}

absl::Status ClientConnection::OnStatusFrame(PendingCall& call,
                                             IncomingFrame& frame) {
  StatusHeader header;
  absl::Status decoded = DecodeStatusHeader(
      frame.header.flags, frame.header.argument, frame.payload, header);
  if (!decoded.ok()) return decoded;
  if ((frame.header.flags & kFlagMetadata) != 0) {
    call.headers = std::move(header.headers);
  }
  call.trailers = std::move(header.trailers);
  const bool second_message =
      (frame.header.flags & kFlagMessage) != 0 && call.reply.complete();
  if ((frame.header.flags & kFlagMessage) != 0 && !second_message) {
    call.reply.Append(header.message, std::move(frame.descriptors),
                      frame.descriptors_truncated, /*more=*/false);
  }
  if (header.status.ok()) {
    if (second_message) {
      header.status = MoreThanOneMessage();
    } else if (!call.reply.complete()) {
      header.status =
          absl::InternalError("the server ended the call without a reply");
    } else {
      header.status = call.reply.status();
    }
  }
  Finish(call, std::move(header.status));
  return absl::OkStatus();
}

void ClientConnection::OnGoAway(uint32_t last_call_id) {
  mu_.Lock();
  const absl::Status why =
      absl::UnavailableError("the server is shutting down");
  RefuseNewCalls(why);
  std::vector<PendingCall*> unseen;
  for (const auto& [id, call] : calls_) {
    if (id > last_call_id) unseen.push_back(call);
  }
  for (PendingCall* call : unseen) {
    // Descriptors that were sent are gone: such a call can't be made again.
    call->unseen_by_server = call->request_descriptors == 0;
    Finish(*call, why);
  }
  UnlockAndWake();
}

void ClientConnection::OnUnsent(OutgoingFrame frame, const absl::Status& why) {
  const auto type =
      static_cast<FrameType>(DecodeFrameHeader(frame.head.data()).type);
  if (type == FrameType::kCancel) return;
  mu_.Lock();
  if (auto it = calls_.find(frame.call_id); it != calls_.end()) {
    PendingCall& call = *it->second;
    if (type != FrameType::kOpen) {
      Abandon(call, why);
    } else if (!connection_.closed()) {
      Finish(call, why);
    } else {
      // All of the call is in this frame, or can be had from the message again.
      call.unseen_by_server =
          call.request_descriptors == frame.descriptors.size();
      call.frames.clear();
      call.frames.push_back(std::move(frame));
      Finish(call, why);
    }
    Admit();
  }
  UnlockAndWake();
}

void ClientConnection::OnWriteBlockedChanged() {
  mu_.Lock();
  // The reader may be waiting without a look at whether there is room.
  WakeReader();
  Admit();
  UnlockAndWake();
}

void ClientConnection::OnClosed(const absl::Status& why) {
  mu_.Lock();
  RefuseNewCalls(why);
  std::vector<PendingCall*> calls;
  for (const auto& [id, call] : calls_) calls.push_back(call);
  // A server says hello before it looks at calls: where none came, the listener
  // went before it accepted the connection.
  const bool unseen = !server_.has_value() && absl::IsUnavailable(why);
  for (PendingCall* call : calls) {
    call->unseen_by_server = unseen && call->request_descriptors == 0;
    Finish(*call, why);
  }
  UnlockAndWake();
}

void ClientConnection::Park(PendingCall& call) {
  call.parked_index = parked_.size();
  parked_.push_back(&call);
}

void ClientConnection::Unpark(PendingCall& call) {
  PendingCall* last = parked_.back();
  parked_[call.parked_index] = last;
  last->parked_index = call.parked_index;
  parked_.pop_back();
  call.parked_index = PendingCall::kNotParked;
}

void ClientConnection::UnlockAndWake() {
  if (to_wake_.empty()) {
    mu_.Unlock();
    return;
  }
  const std::vector<Parker::Address> wake = std::exchange(to_wake_, {});
  mu_.Unlock();
  for (Parker::Address address : wake) Parker::Wake(address);
}

}  // namespace fdrpc
