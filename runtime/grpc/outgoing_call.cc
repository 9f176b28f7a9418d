#include "grpc/outgoing_call.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "fdrpc/internal/plain_message.h"
#include "fdrpc/loop.h"
#include "grpc/message_bytes.h"
#include "grpc/metadata.h"
#include "grpc/status_conversion.h"

namespace fdrpc::grpc {
namespace {

// How much is read ahead of the user, as in fdrpc::ChannelOptions; a message
// counts for this much more than its bytes.
constexpr size_t kReadAheadBytes = 256u << 10;
constexpr size_t kMessageOverhead = 16;
// Beyond this, a writer waits until half of it has gone.
constexpr size_t kMostUnsentBytes = 64u << 10;

absl::Status CallerCancelled() {
  return absl::CancelledError("the caller cancelled the call");
}

absl::Status DeadlineExceeded() {
  return absl::DeadlineExceededError("the call's deadline has passed");
}

// Why a call with these options need not be made. Otherwise OK.
absl::Status CheckOptions(const CallOptions& options) {
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError("the call's timeout is not positive");
  }
  if (options.cancellation.stop_requested()) return CallerCancelled();
  if (options.parent != nullptr && options.parent->IsCancelled()) {
    return options.parent->time_remaining() > absl::ZeroDuration()
               ? CallerCancelled()
               : absl::DeadlineExceededError(
                     "the parent call's deadline has passed");
  }
  return CheckForGrpc(options.metadata);
}

absl::Status Prepare(const OutgoingMessage& message,
                     ::grpc::ByteBuffer& bytes) {
  absl::Status plain = internal::CheckPlain(message.parcel, "request");
  if (plain.ok() && message.parcel != nullptr) {
    plain = message.parcel->PrepareToSend();
  }
  return plain.ok() ? Serialise(*message.message, bytes) : plain;
}

absl::Status ParseReply(const ::grpc::ByteBuffer& bytes,
                        const IncomingMessage& message) {
  absl::Status parsed = Parse(bytes, *message.message);
  if (!parsed.ok() || message.parcel == nullptr) return parsed;
  absl::Status plain = internal::CheckPlain(message.parcel, "reply");
  return plain.ok() ? message.parcel->Accept({}) : plain;
}

// Whether this thread, which is gRPC's, is letting go of a call.
thread_local bool on_grpc_thread = false;

}  // namespace

void OutgoingCall::Delete::operator()(OutgoingCall* call) const {
  if (on_grpc_thread) {
    if (absl::StatusOr<Loop> loop = Loop::OfProcess(); loop.ok()) {
      return loop->Post([call] { delete call; });
    }
  }
  delete call;
}

void OutgoingCall::Cancel::operator()() const { call.Abort(CallerCancelled()); }

OutgoingCall::OutgoingCall(const Method& method, const CallOptions& options,
                           std::shared_ptr<ContinuationRunner> runner)
    : streams_replies_(method.streams_replies()),
      reply_metadata_(options.reply_metadata),
      runner_(std::move(runner)),
      path_(absl::StrCat("/", std::string(method.full_name))) {
  SetContext(options);
}

OutgoingCall::~OutgoingCall() = default;

absl::StatusOr<std::shared_ptr<OutgoingCall>> OutgoingCall::Start(
    ::grpc::GenericStub& stub, const Method& method,
    const OutgoingMessage* request, const CallOptions& options,
    std::shared_ptr<ContinuationRunner> runner) {
  absl::Status possible = CheckOptions(options);
  ::grpc::ByteBuffer bytes;
  if (possible.ok() && request != nullptr) possible = Prepare(*request, bytes);
  if (!possible.ok()) return possible;
  const std::shared_ptr<OutgoingCall> call(
      new OutgoingCall(method, options, std::move(runner)), Delete());
  {
    MutexLock lock(call->mu_);
    call->self_ = call;
    // The metadata goes in one write with the request, if there is one.
    call->context_.set_initial_metadata_corked(request != nullptr);
    stub.PrepareBidiStreamingCall(&call->context_, call->path_, {}, call.get());
    call->AddHold();
    call->ReadNext();
    if (request != nullptr) {
      call->writing_.Swap(&bytes);
      call->unsent_bytes_ = call->writing_.Length() + kMessageOverhead;
      call->is_writing_ = true;
      call->sending_ = Sending::kHalfClosed;
      call->StartWriteLast(&call->writing_, ::grpc::WriteOptions());
    }
    call->StartCall();
  }
  if (options.cancellation.stop_possible()) {
    call->cancelled_by_caller_.emplace(options.cancellation, Cancel{*call});
  }
  if (options.parent != nullptr) {
    call->cancelled_by_parent_.emplace(options.parent->cancellation(),
                                       Cancel{*call});
  }
  return call;
}

void OutgoingCall::SetContext(const CallOptions& options) {
  absl::Duration timeout = options.timeout;
  if (options.parent != nullptr) {
    timeout = std::min(timeout, options.parent->time_remaining());
  }
  // More than this is longer than the clock can count.
  if (timeout < absl::Hours(24 * 365 * 100)) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          absl::ToChronoNanoseconds(timeout));
  }
  context_.set_wait_for_ready(options.wait_for_ready);
  for (const auto& [key, value] : options.metadata) {
    context_.AddMetadata(key, value);
  }
}

// Messages.

void OutgoingCall::ReadNext() {
  if (!is_held_ || is_reading_) return;
  if (all_read_ || ended_) {
    is_held_ = false;
    RemoveHold();
  } else if (!streams_replies_ || arrived_bytes_ < kReadAheadBytes) {
    is_reading_ = true;
    StartRead(&reading_);
  } else {
    WatchDeadline();
  }
}

void OutgoingCall::WatchDeadline() {
  const auto deadline = context_.deadline();
  if (deadline_.has_value() ||
      deadline == std::chrono::system_clock::time_point::max()) {
    return;
  }
  absl::StatusOr<Alarm> alarm = Alarm::Create();
  if (!alarm.ok()) return EndEarly(alarm.status());
  deadline_ = *std::move(alarm);
  // It must not keep the call, which it would release on the loop's thread.
  deadline_->Set(absl::FromChrono(deadline) - absl::Now(),
                 [call = weak_from_this()](bool rang) {
                   const auto kept = rang ? call.lock() : nullptr;
                   if (kept != nullptr) kept->Abort(DeadlineExceeded());
                 });
}

void OutgoingCall::OnReadDone(bool ok) {
  MutexLock lock(mu_);
  is_reading_ = false;
  if (!ok) {
    all_read_ = true;
  } else if (!ended_ && !streams_replies_ && got_reply_) {
    EndEarly(absl::InternalError(
        "the server has sent another reply to a call that has one"));
  } else if (!ended_) {
    got_reply_ = true;
    arrived_bytes_ += reading_.Length() + kMessageOverhead;
    arrived_.emplace_back().Swap(&reading_);
  }
  ReadNext();
  EndWaits();
}

bool OutgoingCall::Take(IncomingMessage message) {
  ::grpc::ByteBuffer bytes;
  {
    MutexLock lock(mu_);
    if (arrived_.empty()) return false;
    // The only reply counts if the call has ended well.
    if (!streams_replies_ && !(ended_ && status_.ok())) return false;
    bytes.Swap(&arrived_.front());
    arrived_.pop_front();
    arrived_bytes_ -= bytes.Length() + kMessageOverhead;
    ReadNext();
  }
  const absl::Status parsed = ParseReply(bytes, message);
  if (parsed.ok()) return true;
  MutexLock lock(mu_);
  if (!ended_) {
    EndEarly(parsed);
  } else {
    if (status_.ok()) status_ = parsed;
    arrived_.clear();
  }
  return false;
}

bool OutgoingCall::Send(OutgoingMessage message, bool last) {
  ::grpc::ByteBuffer bytes;
  absl::Status prepared = Prepare(message, bytes);
  MutexLock lock(mu_);
  if (ended_ || !is_held_ || sending_ != Sending::kOpen) return false;
  if (!prepared.ok()) {
    EndEarly(std::move(prepared));
    return false;
  }
  FDRPC_CHECK(has_room_, "a message is sent before there is room for it");
  UnsentMessage& unsent = unsent_.emplace_back();
  unsent.bytes.Swap(&bytes);
  if (message.may_linger) unsent.options.set_buffer_hint();
  if (last) {
    sending_ = Sending::kHalfClosed;
    unsent.options.set_last_message();
  }
  unsent_bytes_ += unsent.bytes.Length() + kMessageOverhead;
  has_room_ = unsent_bytes_ < kMostUnsentBytes;
  if (!is_writing_) WriteNext();
  return true;
}

void OutgoingCall::WriteNext() {
  if (!is_held_) return;
  if (!unsent_.empty()) {
    is_writing_ = true;
    writing_.Swap(&unsent_.front().bytes);
    ::grpc::WriteOptions options = unsent_.front().options;
    unsent_.pop_front();
    // With those behind it, it makes fewer system calls.
    if (!unsent_.empty()) options.set_buffer_hint();
    StartWrite(&writing_, options);
  } else if (sending_ == Sending::kHalfClosing) {
    sending_ = Sending::kHalfClosed;
    StartWritesDone();
  }
}

void OutgoingCall::OnWriteDone(bool ok) {
  MutexLock lock(mu_);
  is_writing_ = false;
  unsent_bytes_ -= writing_.Length() + kMessageOverhead;
  writing_.Clear();
  if (!ok) {
    // The call is over, though its status may stand behind unread replies.
    sending_ = Sending::kHalfClosed;
    unsent_.clear();
    unsent_bytes_ = 0;
  }
  has_room_ = has_room_ || unsent_bytes_ <= kMostUnsentBytes / 2;
  WriteNext();
  EndWaits();
}

void OutgoingCall::HalfClose() {
  MutexLock lock(mu_);
  if (ended_ || !is_held_ || sending_ != Sending::kOpen) return;
  sending_ = Sending::kHalfClosing;
  if (!is_writing_) WriteNext();
}

// The end.

void OutgoingCall::OnReadInitialMetadataDone(bool) {
  MutexLock lock(mu_);
  // The user of a call that has ended may be reading them.
  if (!ended_) headers_ = FromGrpc(context_.GetServerInitialMetadata());
  got_headers_ = true;
  EndWaits();
}

void OutgoingCall::OnDone(const ::grpc::Status& status) {
  std::shared_ptr<OutgoingCall> self;
  {
    MutexLock lock(mu_);
    self = std::move(self_);
    if (!ended_) {
      trailers_ = FromGrpc(context_.GetServerTrailingMetadata());
      End(FromGrpc(status));
    }
  }
  on_grpc_thread = true;
  self.reset();
  on_grpc_thread = false;
}

void OutgoingCall::Abort(const absl::Status& why) {
  MutexLock lock(mu_);
  if (!ended_) EndEarly(why);
}

void OutgoingCall::EndEarly(absl::Status why) {
  arrived_.clear();
  unsent_.clear();
  End(std::move(why));
  context_.TryCancel();
  ReadNext();
}

void OutgoingCall::End(absl::Status why) {
  ended_ = true;
  status_ = std::move(why);
  EndWaits();
}

absl::Status OutgoingCall::status() {
  MutexLock lock(mu_);
  if (reply_metadata_ != nullptr) {
    *reply_metadata_ = {.headers = headers_, .trailers = trailers_};
  }
  return status_;
}

// Waits.

bool OutgoingCall::IsReady(CallEvent event) const {
  if (ended_) return true;
  switch (event) {
    case CallEvent::kMessage:
      return streams_replies_ && (all_read_ || !arrived_.empty());
    case CallEvent::kRoom:
      return has_room_;
    case CallEvent::kHeaders:
      return got_headers_;
    case CallEvent::kEnd:
      return false;
  }
  return true;
}

void OutgoingCall::EndWaits() {
  changed_.SignalAll();
  for (int i = 0; i < kCallEvents; ++i) {
    if (waits_[i] == nullptr || !IsReady(static_cast<CallEvent>(i))) continue;
    runner_->Post(*std::exchange(waits_[i], nullptr));
  }
}

bool OutgoingCall::Ready(CallEvent event) {
  MutexLock lock(mu_);
  return IsReady(event);
}

void OutgoingCall::Await(CallEvent event) {
  MutexLock lock(mu_);
  while (!IsReady(event)) changed_.Wait(mu_);
}

void OutgoingCall::Notify(CallEvent event, Continuation& continuation) {
  // The continuation may let go of it before this returns.
  const std::shared_ptr<OutgoingCall> self = shared_from_this();
  MutexLock lock(mu_);
  if (IsReady(event)) return runner_->Post(continuation);
  waits_[static_cast<size_t>(event)] = &continuation;
}

void OutgoingCall::Forget(Continuation& continuation) {
  MutexLock lock(mu_);
  const auto waits = std::find(waits_.begin(), waits_.end(), &continuation);
  if (waits != waits_.end()) {
    *waits = nullptr;
  } else {
    runner_->Remove(continuation);
  }
}

}  // namespace fdrpc::grpc
