#include "server/server_connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "wire/limits.h"
#include "wire/open_header.h"

namespace fdrpc {
namespace {

// A client that does not read its replies is not read from beyond this.
constexpr size_t kMaxQueuedBytes = 1u << 20;

Hello ServerHello(const ServerOptions& options) {
  Hello hello;
  hello.max_message_bytes = options.max_request_bytes;
  hello.max_descriptors = options.max_request_descriptors;
  hello.max_calls = options.max_calls_per_connection;
  return hello;
}

absl::Status Violation(const char* what) {
  return absl::InvalidArgumentError(what);
}

}  // namespace

std::shared_ptr<ServerConnection> ServerConnection::Create(
    std::unique_ptr<Transport> transport, PeerCredentials peer,
    const ServerOptions& options, const ServiceRegistry& registry, Host& host,
    uint64_t token) {
  return std::shared_ptr<ServerConnection>(new ServerConnection(
      std::move(transport), peer, options, registry, host, token));
}

ServerConnection::ServerConnection(std::unique_ptr<Transport> transport,
                                   PeerCredentials peer,
                                   const ServerOptions& options,
                                   const ServiceRegistry& registry, Host& host,
                                   uint64_t token)
    : peer_(peer),
      options_(options),
      registry_(registry),
      host_(host),
      token_(token),
      connection_(std::move(transport), ServerHello(options), *this) {}

void ServerConnection::OnReadable() {
  // Interest changes by itself only when writing becomes blocked or unblocked.
  const bool was_readable = interest().readable;
  if (was_readable) connection_.Read();
  if (const auto partial = connection_.partial_frame();
      partial != partial_frame_) {
    partial_frame_ = partial;
    if (partial.has_value()) {
      partial_since_ = Clock::Real().Now();
      NoteIncomplete();
    }
  }
  connection_.ReleaseIdleMemory();
  if (was_readable && !interest().readable) host_.OnInterestChanged(*this);
}

void ServerConnection::OnWritable() { connection_.OnWritable(); }

Poller::Interest ServerConnection::interest() const {
  const bool blocked = connection_.write_blocked();
  return {.readable = !blocked || connection_.queued_bytes() <= kMaxQueuedBytes,
          .writable = blocked};
}

absl::Status ServerConnection::OnFrame(IncomingFrame& frame) {
  switch (static_cast<FrameType>(frame.header.type)) {
    case FrameType::kOpen:
      return OnOpen(frame);
    case FrameType::kMessage:
      return OnMessage(frame);
    case FrameType::kCancel:
      return OnCancel(frame);
    case FrameType::kMethod:
      return OnMethod(frame);
    case FrameType::kCredit:
      if (frame.header.descriptor_count != 0) break;
      return CheckOpened(frame.header.call_id);
    default:
      break;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a frame of type ", frame.header.type, " from a client"));
}

absl::Status ServerConnection::OnMethod(const IncomingFrame& frame) {
  if (frame.header.call_id != 0 || frame.header.flags != 0 ||
      frame.header.descriptor_count != 0 || frame.payload.empty() ||
      frame.payload.size() > kMaxMethodNameBytes) {
    return Violation("a malformed method frame");
  }
  if (frame.header.argument != methods_.size() + 1 ||
      frame.header.argument > kMaxMethods) {
    return Violation("method numbers that do not run from 1 to the limit");
  }
  methods_.push_back(registry_.Find(frame.payload));
  return absl::OkStatus();
}

absl::Status ServerConnection::OnOpen(IncomingFrame& frame) {
  const uint32_t id = frame.header.call_id;
  if (id <= last_call_id_) return Violation("a call id that does not increase");
  if (frame.header.argument == 0 || frame.header.argument > methods_.size()) {
    return Violation("a call of a method that was not named");
  }
  OpenHeader open;
  absl::Status decoded =
      DecodeOpenHeader(frame.header.flags, frame.payload, open);
  if (!decoded.ok()) return decoded;
  if ((frame.header.flags & kFlagMessage) == 0 &&
      frame.header.descriptor_count != 0) {
    return Violation("descriptors without a message");
  }
  // A client that has not read the go-away yet learns from it which calls were
  // not taken.
  if (draining_.load(std::memory_order_acquire)) return absl::OkStatus();
  last_call_id_ = id;

  const absl::StatusOr<RegisteredMethod>& method =
      methods_[frame.header.argument - 1];
  if (!method.ok()) {
    Refuse(id, method.status());
    return absl::OkStatus();
  }
  const Method& type = *method->handler->method;
  if (method->handler->serve_unary == nullptr) {
    Refuse(id, absl::UnimplementedError(
                   "this version of fdrpc serves unary methods only"));
    return absl::OkStatus();
  }
  MonotonicTime deadline = kNoDeadline;
  if (open.timeout_ns.has_value()) {
    // More than 100 years is as good as none, and cannot overflow.
    constexpr uint64_t kLongest = uint64_t{100} * 366 * 86400 * 1'000'000'000;
    deadline = Clock::Real().Now() +
               std::chrono::nanoseconds(std::min(*open.timeout_ns, kLongest));
  }
  auto call = std::make_shared<ServerCall>(
      shared_from_this(), id, *method,
      MessageLimits{.bytes = options_.max_request_bytes,
                    .descriptors = type.request_has_descriptors
                                       ? options_.max_request_descriptors
                                       : 0},
      deadline, std::move(open.metadata));
  bool too_many = false;
  {
    MutexLock lock(mu_);
    // Twice as many may exist, since a call's end is sent before it is gone.
    const size_t limit = options_.max_calls_per_connection;
    too_many = calls_.size() >= limit || existing_calls_ >= 2 * limit;
    ++existing_calls_;
    if (!too_many) calls_.emplace(id, call);
  }
  if (too_many) {
    Refuse(id, absl::ResourceExhaustedError(absl::StrCat(
                   "the connection has ", options_.max_calls_per_connection,
                   " calls in progress, the limit")));
    return absl::OkStatus();
  }
  AddPiece(call, frame, open.message);
  if (!call->half_closed) {
    call->begun = Clock::Real().Now();
    NoteIncomplete();
  }
  return absl::OkStatus();
}

void ServerConnection::NoteIncomplete() {
  if (!std::exchange(host_knows_of_incomplete_, true)) {
    host_.OnRequestIncomplete(*this);
  }
}

std::optional<MonotonicTime> ServerConnection::incomplete_since() {
  std::optional<MonotonicTime> oldest;
  if (partial_frame_.has_value()) oldest = partial_since_;
  MutexLock lock(mu_);
  for (const auto& [id, call] : calls_) {
    if (!call->half_closed) {
      oldest = std::min(oldest.value_or(kNoDeadline), call->begun);
    }
  }
  host_knows_of_incomplete_ = oldest.has_value();
  return oldest;
}

absl::Status ServerConnection::OnMessage(IncomingFrame& frame) {
  constexpr uint8_t kKnown = kFlagMessage | kFlagMore | kFlagHalfClose;
  const uint8_t flags = frame.header.flags;
  const bool has_message = (flags & kFlagMessage) != 0;
  if ((flags & ~kKnown) != 0 ||
      (!has_message &&
       (!frame.payload.empty() || frame.header.descriptor_count != 0 ||
        (flags & kFlagMore) != 0))) {
    return Violation("a malformed message frame");
  }
  absl::Status opened = CheckOpened(frame.header.call_id);
  if (!opened.ok()) return opened;
  const std::shared_ptr<ServerCall> call = Find(frame.header.call_id);
  // Null: it crossed with the call's end.
  if (call == nullptr) return absl::OkStatus();
  if (call->half_closed) return Violation("a message behind a half-close");
  AddPiece(call, frame, frame.payload);
  return absl::OkStatus();
}

absl::Status ServerConnection::OnCancel(const IncomingFrame& frame) {
  if (frame.header.flags != 0 || !frame.payload.empty() ||
      frame.header.descriptor_count != 0) {
    return Violation("a malformed cancel frame");
  }
  absl::Status opened = CheckOpened(frame.header.call_id);
  if (!opened.ok()) return opened;
  std::shared_ptr<ServerCall> call;
  {
    MutexLock lock(mu_);
    call = Remove(frame.header.call_id);
  }
  if (call != nullptr) call->Cancel();
  return absl::OkStatus();
}

absl::Status ServerConnection::CheckOpened(uint32_t call_id) const {
  // While draining, calls are opened that are not looked at.
  if (call_id != 0 &&
      (call_id <= last_call_id_ || draining_.load(std::memory_order_acquire))) {
    return absl::OkStatus();
  }
  return Violation("a frame for a call that was never opened");
}

void ServerConnection::AddPiece(const std::shared_ptr<ServerCall>& call,
                                IncomingFrame& frame, std::string_view piece) {
  MessageAssembler& request = call->request();
  const uint8_t flags = frame.header.flags;
  absl::Status status;
  if ((flags & kFlagMessage) != 0) {
    if (request.complete()) {
      status = absl::InternalError(
          "the client sent more than one message to a unary method");
    } else {
      {
        MutexLock lock(mu_);
        status = Charge(*call, piece.size(), frame.descriptors.size());
      }
      if (status.ok()) {
        request.Append(piece, std::move(frame.descriptors),
                       frame.descriptors_truncated, (flags & kFlagMore) != 0);
        status = request.status();
      }
    }
  }
  const bool half_closed = (flags & kFlagHalfClose) != 0;
  if (status.ok() && half_closed && !request.complete()) {
    status = absl::InternalError("the client half-closed without a message");
  }
  if (!status.ok()) {
    SendEnd(call->id(), BuildStatus(call->id(), status, {}, {}, nullptr, {}));
  } else if (half_closed) {
    call->half_closed = true;
    host_.OnCallReady(call);
  }
}

absl::Status ServerConnection::Charge(ServerCall& call, size_t bytes,
                                      size_t descriptors) {
  if (held_bytes_ + bytes > options_.max_held_bytes_per_connection ||
      held_descriptors_ + descriptors >
          options_.max_held_descriptors_per_connection) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the connection's requests hold the limit of ",
        options_.max_held_bytes_per_connection, " bytes or ",
        options_.max_held_descriptors_per_connection, " descriptors"));
  }
  held_bytes_ += bytes;
  held_descriptors_ += descriptors;
  call.held_bytes += bytes;
  call.held_descriptors += descriptors;
  return absl::OkStatus();
}

std::shared_ptr<ServerCall> ServerConnection::Find(uint32_t call_id) {
  MutexLock lock(mu_);
  auto it = calls_.find(call_id);
  return it == calls_.end() ? nullptr : it->second;
}

std::shared_ptr<ServerCall> ServerConnection::Remove(uint32_t call_id) {
  auto it = calls_.find(call_id);
  if (it == calls_.end()) return nullptr;
  std::shared_ptr<ServerCall> call = std::move(it->second);
  calls_.erase(it);
  return call;
}

void ServerConnection::OnCallGone(const ServerCall& call) {
  MutexLock lock(mu_);
  --existing_calls_;
  held_bytes_ -= call.held_bytes;
  held_descriptors_ -= call.held_descriptors;
}

void ServerConnection::Refuse(uint32_t call_id, const absl::Status& status) {
  OutgoingFrames frames = BuildStatus(call_id, status, {}, {}, nullptr, {});
  connection_.Enqueue(frames);
  connection_.Flush();
}

void ServerConnection::SendEnd(uint32_t call_id, OutgoingFrames frames) {
  std::shared_ptr<ServerCall> call;
  {
    MutexLock lock(mu_);
    call = Remove(call_id);
  }
  if (call == nullptr) return;
  connection_.Enqueue(frames);
  connection_.Flush();
  if (draining_.load(std::memory_order_acquire)) host_.OnDrainProgress();
}

void ServerConnection::OnUnsent(OutgoingFrame frame, const absl::Status& why) {
  if (connection_.closed()) return;
  // The end of a call could not be sent, because of its descriptors or for want
  // of memory: the client gets a plain one. Without memory for that either, the
  // connection ends: to try until there is some would spin.
  const FrameHeader header = DecodeFrameHeader(frame.head.data());
  if ((header.flags & kFlagMessage) == 0) {
    connection_.Close(why);
    return;
  }
  const absl::Status status =
      absl::IsInvalidArgument(why) ? absl::InternalError(why.message()) : why;
  OutgoingFrames end = BuildStatus(frame.call_id, status, {}, {}, nullptr, {});
  connection_.Enqueue(end);
  connection_.Flush();
}

void ServerConnection::OnWriteBlockedChanged() {
  host_.OnInterestChanged(*this);
  if (draining_.load(std::memory_order_acquire)) host_.OnDrainProgress();
}

void ServerConnection::Drain() {
  draining_.store(true, std::memory_order_release);
  connection_.Enqueue(BuildControl(FrameType::kGoAway, 0, last_call_id_));
  connection_.Flush();
}

bool ServerConnection::drained() {
  MutexLock lock(mu_);
  return calls_.empty() && connection_.queued_bytes() == 0;
}

void ServerConnection::OnClosed(const absl::Status&) {
  absl::flat_hash_map<uint32_t, std::shared_ptr<ServerCall>> calls;
  {
    MutexLock lock(mu_);
    calls.swap(calls_);
  }
  for (auto& [id, call] : calls) call->Cancel();
  host_.OnConnectionClosed(*this);
}

}  // namespace fdrpc
