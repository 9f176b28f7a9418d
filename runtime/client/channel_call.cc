#include "client/channel_call.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "call/parse.h"
#include "call/prepare_message.h"

namespace fdrpc {
namespace {

absl::Status Cancelled() {
  return absl::CancelledError("the caller cancelled the call");
}

MonotonicTime Deadline(const CallOptions& options, const Clock& clock) {
  absl::Duration timeout = options.timeout;
  if (options.parent != nullptr) {
    timeout = std::min(timeout, options.parent->time_remaining());
  }
  return timeout == absl::InfiniteDuration()
             ? kNoDeadline
             : DeadlineAfter(clock.Now(), timeout);
}

MessageLimits ReplyLimits(const Method& method, const ChannelOptions& options) {
  return {.bytes = options.max_reply_bytes,
          .descriptors =
              method.reply_has_descriptors ? options.max_reply_descriptors : 0};
}

}  // namespace

ChannelCall::ChannelCall(ChannelCore& core, const Method& method,
                         const CallOptions& options)
    : core_(core),
      lock_(core.lock()),
      reply_metadata_(options.reply_metadata),
      state_(method, Deadline(options, core.clock()),
             ReplyLimits(method, core.options()),
             {.bytes = core.options().stream_window_bytes,
              .descriptors = core.options().stream_window_descriptors}),
      attempts_(core, state_, options.wait_for_ready) {
  state_.max_metadata_bytes = core.options().max_metadata_bytes;
}

ChannelCall::~ChannelCall() {
  // It runs Abort() no more when these are gone.
  parent_stop_.reset();
  stop_.reset();
  // The call goes on, in the parent.
  if (inherited()) return;
  std::shared_ptr<ClientConnection> connection;
  {
    ChannelLockHolder lock(lock_);
    core_.lock().AssertHeld();
    if (!state_.done) End(Cancelled());
    core_.LookNoMore(*this);
    attempts_.lock().AssertHeld();
    attempts_.End();
    connection = this->connection();
    if (connection != nullptr) {
      connection->lock().AssertHeld();
      if (!connection->usable()) core_.Forget(*connection);
    }
  }
  Flush(connection);
}

absl::Status ChannelCall::Check(const CallOptions& options) const {
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError("the call's timeout is not positive");
  }
  if (options.cancellation.stop_requested()) return Cancelled();
  if (options.parent != nullptr && options.parent->IsCancelled()) {
    if (options.parent->time_remaining() > absl::ZeroDuration()) {
      return Cancelled();
    }
    return absl::DeadlineExceededError(
        "the deadline of the call that this one is part of has passed");
  }
  return absl::OkStatus();
}

void ChannelCall::Start(const CallOptions& options,
                        const OutgoingMessage* request, bool borrow_request) {
  absl::Status status = Check(options);
  if (status.ok()) {
    status = attempts_.Prepare(request, borrow_request, options.metadata);
  }
  if (on_loop_) {
    absl::StatusOr<std::shared_ptr<LoopCore>> loop = core_.GetLoop();
    if (loop.ok()) {
      state_.loop = loop->get();
      attempts_.RunOn(*std::move(loop));
    } else if (status.ok()) {
      status = loop.status();
    }
  }
  if (!status.ok()) {
    ChannelLockHolder lock(lock_);
    return state_.End(std::move(status), lock_);
  }
  std::shared_ptr<ClientConnection> connection;
  {
    ChannelLockHolder lock(lock_);
    core_.lock().AssertHeld();
    if (on_loop_ && state_.deadline != kNoDeadline) {
      core_.LookAt(state_.deadline, *this);
    }
    attempts_.lock().AssertHeld();
    attempts_.Begin();
    connection = this->connection();
  }
  Flush(connection);
  if (options.cancellation.stop_possible()) {
    stop_.emplace(options.cancellation, Stop(*this));
  }
  if (options.parent != nullptr) {
    parent_stop_.emplace(options.parent->cancellation(), Stop(*this));
  }
}

void ChannelCall::Stop::operator()() const { call_.Abort(Cancelled()); }

// Messages.

bool ChannelCall::Take(IncomingMessage message) {
  if (inherited()) return false;
  ReceivedMessage received;
  std::shared_ptr<ClientConnection> connection;
  bool taken = false;
  {
    ChannelLockHolder lock(lock_);
    connection = NoticeDeadline();
    taken = !ended_here_ && state_.inbox.has_message();
    if (taken) {
      const Credit grant = state_.inbox.Take(received);
      if (!grant.empty() && state_.connection != nullptr) {
        connection = this->connection();
        connection->lock().AssertHeld();
        connection->Grant(state_, grant);
      }
    }
  }
  Flush(connection);
  if (!taken) return false;
  absl::Status parsed = ParseReceived(std::move(received), message);
  if (parsed.ok()) return true;
  {
    ChannelLockHolder lock(lock_);
    End(parsed);
    if (state_.status.ok()) state_.status = std::move(parsed);
    ended_here_ = true;
    connection = this->connection();
  }
  Flush(connection);
  return false;
}

bool ChannelCall::Send(OutgoingMessage message, bool last) {
  if (inherited()) {
    if (message.parcel != nullptr) message.parcel->TakeDescriptors();
    return false;
  }
  DescriptorSet descriptors;
  absl::Status sendable = PrepareMessage(message, state_.method.request_has_any,
                                         kNoMessageLimits, descriptors);
  const size_t count = descriptors.size();
  OutgoingFrames frames =
      sendable.ok() ? BuildMessage(0, message, std::move(descriptors), last)
                    : OutgoingFrames();
  std::shared_ptr<ClientConnection> connection;
  bool taken = false;
  {
    ChannelLockHolder lock(lock_);
    connection = NoticeEnd();
    if (state_.done || half_closed_) {
      lock_.DropLater(std::move(frames));
    } else if (!sendable.ok()) {
      End(std::move(sendable));
      connection = this->connection();
    } else {
      FDRPC_CHECK(state_.outbox.has_room(),
                  absl::StrCat("a message is written before the last one was "
                               "taken over: ",
                               std::string(state_.method.full_name)));
      taken = true;
      half_closed_ = last;
      connection =
          SendOrPut(std::move(frames), message.message->GetCachedSize(), count);
    }
  }
  if (taken && message.may_linger && connection != nullptr &&
      connection->Linger()) {
    return true;
  }
  Flush(connection);
  if (!taken || connection == nullptr) return taken;
  if (!on_loop_ && connection->write_blocked()) {
    AwaitWritten();
  } else if (connection->sends()) {
    return true;
  }
  ChannelLockHolder lock(lock_);
  connection->lock().AssertHeld();
  const ClientConnection* const on = state_.connection;
  if (on == connection.get() && !connection->sends()) {
    // The message will not arrive, but the server may have said why.
    connection->ReadForSenders(core_.clock().CoarseNow());
    return !state_.done && state_.connection != connection.get();
  }
  return !state_.done;
}

void ChannelCall::HalfClose() {
  if (inherited()) return;
  std::shared_ptr<ClientConnection> connection;
  {
    ChannelLockHolder lock(lock_);
    connection = NoticeEnd();
    if (!state_.done && !std::exchange(half_closed_, true)) {
      state_.half_close_asked = true;
      connection = SendWaiting();
    }
  }
  Flush(connection);
}

std::shared_ptr<ClientConnection> ChannelCall::SendOrPut(OutgoingFrames frames,
                                                         size_t bytes,
                                                         size_t descriptors) {
  if (state_.connection != nullptr) {
    std::shared_ptr<ClientConnection> to_flush = connection();
    to_flush->lock().AssertHeld();
    if (to_flush->SendAtOnce(state_, frames, bytes, descriptors)) {
      return to_flush;
    }
  }
  state_.outbox.Put(std::move(frames), bytes, descriptors);
  return SendWaiting();
}

std::shared_ptr<ClientConnection> ChannelCall::SendWaiting() {
  if (state_.connection == nullptr) return nullptr;
  std::shared_ptr<ClientConnection> to_flush = connection();
  to_flush->lock().AssertHeld();
  to_flush->SendWaiting(state_);
  return to_flush;
}

// Ends.

void ChannelCall::Abort(const absl::Status& why) {
  if (inherited()) return;
  std::shared_ptr<ClientConnection> connection;
  {
    ChannelLockHolder lock(lock_);
    if (state_.done) return;
    End(why);
    connection = this->connection();
  }
  Flush(connection);
}

void ChannelCall::OnTime(
    MonotonicTime /*now*/,
    std::vector<std::shared_ptr<ClientConnection>>& connections) {
  lock_.AssertHeld();
  if (state_.done) return;
  EndAtDeadline();
  connections.push_back(connection());
}

std::shared_ptr<ClientConnection> ChannelCall::NoticeDeadline(
    MonotonicTime coarse_now) {
  if (coarse_now < state_.deadline - Clock::kCoarseStep ||
      core_.clock().Now() < state_.deadline) {
    return nullptr;
  }
  if (state_.done) {
    // The server, whose deadline is the same, was the first to say so.
    if (absl::IsDeadlineExceeded(state_.status)) ended_here_ = true;
    return nullptr;
  }
  EndAtDeadline();
  return connection();
}

std::shared_ptr<ClientConnection> ChannelCall::NoticeEnd() {
  if (state_.done) return nullptr;
  const MonotonicTime now = core_.clock().CoarseNow();
  std::shared_ptr<ClientConnection> to_flush = NoticeDeadline(now);
  if (state_.connection == nullptr) return to_flush;
  state_.connection->lock().AssertHeld();
  if (!state_.connection->ReadsForSenders(now)) return to_flush;
  // Its last owner, perhaps, when the call has been taken off it.
  to_flush = connection();
  to_flush->lock().AssertHeld();
  to_flush->ReadForSenders(now);
  return to_flush;
}

void ChannelCall::EndAtDeadline() {
  core_.lock().AssertHeld();
  std::string message = "the call's deadline has passed";
  if (state_.connection != nullptr) {
    state_.connection->lock().AssertHeld();
    if (!state_.connection->has_hello()) {
      const absl::Status before = core_.WhyNotConnected();
      absl::StrAppend(
          &message, ", and the peer has not said hello: ",
          before.ok()
              ? "it hangs, or is no fdrpc server"
              : absl::StrCat("before that: ", std::string(before.message())));
    }
  } else if (const absl::Status why = core_.WhyNotConnected(); !why.ok()) {
    message = absl::StrCat(
        "the deadline passed while the call waited for the server: ",
        std::string(why.message()));
  }
  End(absl::DeadlineExceededError(message));
}

void ChannelCall::End(absl::Status why) {
  if (state_.done) return;
  ended_here_ = true;
  if (state_.connection == nullptr) {
    attempts_.lock().AssertHeld();
    attempts_.End();
    return state_.End(std::move(why), lock_);
  }
  ClientConnection& on = *connection();
  on.lock().AssertHeld();
  on.Abandon(state_, std::move(why));
}

absl::Status ChannelCall::status() {
  if (inherited()) return core_.CheckProcess();
  ChannelLockHolder lock(lock_);
  if (state_.done && reply_metadata_ != nullptr) {
    reply_metadata_->headers = state_.headers;
    reply_metadata_->trailers = state_.trailers;
  }
  return state_.status;
}

void ChannelCall::Flush(const std::shared_ptr<ClientConnection>& connection) {
  if (connection != nullptr) connection->Flush();
}

}  // namespace fdrpc
