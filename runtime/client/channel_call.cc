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
      mutex_(core.mutex()),
      reply_metadata_(options.reply_metadata),
      state_(method, Deadline(options, core.clock()),
             ReplyLimits(method, core.options()),
             {.bytes = core.options().stream_window_bytes,
              .descriptors = core.options().stream_window_descriptors}),
      attempts_(core, state_, options.wait_for_ready) {
  state_.max_metadata_bytes = core.options().max_metadata_bytes;
}

ChannelCall::~ChannelCall() {
  // After they are destroyed, they do not call Abort() any more.
  parent_stop_.reset();
  stop_.reset();
  // The call continues in the parent.
  if (inherited()) return;
  ChannelLock lock(mutex_);
  if (!state_.done) End(Cancelled(), lock);
  core_.LookNoMore(*this);
  attempts_.End(lock);
  if (connection() == nullptr) return;
  if (connection()->writer().lingers()) connection()->writer().FlushLater(lock);
  if (!connection()->usable()) core_.reconnector().Forget(*connection(), lock);
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
    return absl::DeadlineExceededError("the parent call's deadline has passed");
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
    ChannelLock lock(mutex_);
    return state_.End(std::move(status), lock);
  }
  {
    ChannelLock lock(mutex_);
    if (on_loop_ && state_.deadline != kNoDeadline) {
      core_.LookAt(state_.deadline, *this);
    }
    attempts_.Begin(lock);
  }
  if (options.cancellation.stop_possible()) {
    stop_.emplace(options.cancellation, Stop(*this));
  }
  if (options.parent != nullptr) {
    parent_stop_.emplace(options.parent->cancellation(), Stop(*this));
  }
}

void ChannelCall::Stop::operator()() const { call_.Abort(Cancelled()); }

// ---- messages

bool ChannelCall::Take(IncomingMessage message) {
  if (inherited()) return false;
  ReceivedMessage received;
  {
    ChannelLock lock(mutex_);
    NoticeDeadline(lock);
    if (ended_here_ || !state_.inbox.has_message()) return false;
    const Credit grant = state_.inbox.Take(received);
    if (!grant.empty() && state_.connection != nullptr) {
      state_.connection->sender().Grant(state_, grant, lock);
    }
  }
  absl::Status parsed = ParseReceived(std::move(received), message);
  if (parsed.ok()) return true;
  ChannelLock lock(mutex_);
  End(parsed, lock);
  if (state_.status.ok()) state_.status = std::move(parsed);
  ended_here_ = true;
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
  ChannelLock lock(mutex_);
  NoticeEnd(lock);
  if (state_.done || half_closed_) {
    lock.DropLater(std::move(frames));
    return false;
  }
  if (!sendable.ok()) {
    End(std::move(sendable), lock);
    return false;
  }
  FDRPC_CHECK(state_.outbox.has_room(),
              absl::StrCat("a message is written before the last one was taken "
                           "over: ",
                           std::string(state_.method.full_name)));
  half_closed_ = last;
  ClientConnection* const on = state_.connection;
  SendOrPut(std::move(frames), message.message->GetCachedSize(), count, lock);
  if (on == nullptr || (message.may_linger && on->writer().Linger()))
    return true;
  connection()->writer().FlushLater(lock);
  lock.Unlock();
  if (on->sends() && (on_loop_ || !on->write_blocked())) return true;
  std::shared_ptr<ClientConnection> kept = on->shared_from_this();
  lock.Relock();
  const bool sent = AwaitSent(*on, lock);
  lock.DropLater(std::move(kept));
  return sent;
}

bool ChannelCall::AwaitSent(ClientConnection& on, ChannelLock& lock) {
  if (!on_loop_) AwaitWritten(lock);
  if (state_.connection == &on && !on.sends()) {
    // The message will not arrive, but the server may have said why.
    on.reader().ReadForSenders(core_.clock().CoarseNow(), lock);
    if (state_.connection == &on) return false;
  }
  return !state_.done;
}

void ChannelCall::HalfClose() {
  if (inherited()) return;
  ChannelLock lock(mutex_);
  NoticeEnd(lock);
  if (state_.done || std::exchange(half_closed_, true)) return;
  state_.half_close_asked = true;
  if (state_.connection == nullptr) return;
  connection()->writer().FlushLater(lock);  // what lingers, too
  state_.connection->SendWaiting(state_, lock);
}

void ChannelCall::SendOrPut(OutgoingFrames frames, size_t bytes,
                            size_t descriptors, ChannelLock& lock) {
  ClientConnection* const on = state_.connection;
  if (on != nullptr &&
      on->sender().SendAtOnce(state_, frames, bytes, descriptors, lock)) {
    return;
  }
  state_.outbox.Put(std::move(frames), bytes, descriptors);
  if (on != nullptr) on->SendWaiting(state_, lock);
}

// ---- the end

void ChannelCall::Abort(const absl::Status& why) {
  if (inherited()) return;
  ChannelLock lock(mutex_);
  End(why, lock);
}

void ChannelCall::OnTime(ChannelLock& lock) {
  if (!state_.done) EndAtDeadline(lock);
}

void ChannelCall::NoticeDeadline(MonotonicTime coarse_now, ChannelLock& lock) {
  if (coarse_now < state_.deadline - Clock::kCoarseStep ||
      core_.clock().Now() < state_.deadline) {
    return;
  }
  if (!state_.done) return EndAtDeadline(lock);
  // The server, whose deadline is the same, was the first to say so.
  if (absl::IsDeadlineExceeded(state_.status)) ended_here_ = true;
}

void ChannelCall::NoticeEnd(ChannelLock& lock) {
  if (state_.done) return;
  const MonotonicTime now = core_.clock().CoarseNow();
  NoticeDeadline(now, lock);
  if (state_.connection == nullptr ||
      !state_.connection->reader().ReadsForSenders(now)) {
    return;
  }
  // This may be its last owner, after the call has been removed from it.
  std::shared_ptr<ClientConnection> read = connection();
  read->reader().ReadForSenders(now, lock);
  lock.DropLater(std::move(read));
}

void ChannelCall::EndAtDeadline(ChannelLock& lock) {
  std::string message = "the call's deadline has passed";
  if (state_.connection != nullptr) {
    if (!state_.connection->has_hello()) {
      const absl::Status before = core_.reconnector().WhyNotConnected();
      absl::StrAppend(
          &message, ", and the peer has not said hello: ",
          before.ok()
              ? "it hangs, or is not an fdrpc server"
              : absl::StrCat("before that: ", std::string(before.message())));
    }
  } else if (const absl::Status why = core_.reconnector().WhyNotConnected();
             !why.ok()) {
    message = absl::StrCat(
        "the deadline passed while the call waited for the server: ",
        std::string(why.message()));
  }
  End(absl::DeadlineExceededError(message), lock);
}

void ChannelCall::End(absl::Status why, ChannelLock& lock) {
  if (state_.done) return;
  ended_here_ = true;
  if (state_.connection != nullptr) {
    return state_.connection->Abandon(state_, std::move(why), lock);
  }
  attempts_.End(lock);
  state_.End(std::move(why), lock);
}

absl::Status ChannelCall::status() {
  if (inherited()) return core_.CheckProcess();
  ChannelLock lock(mutex_);
  if (state_.done && reply_metadata_ != nullptr) {
    reply_metadata_->headers = state_.headers;
    reply_metadata_->trailers = state_.trailers;
  }
  return state_.status;
}

}  // namespace fdrpc
