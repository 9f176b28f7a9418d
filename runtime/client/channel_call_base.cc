#include "client/channel_call_base.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "call/parse.h"

namespace fdrpc {
namespace {

// Not later than that of the options' parent.
MonotonicTime DeadlineOf(const CallOptions& options, const Clock& clock) {
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

ChannelCallBase::ChannelCallBase(ChannelBase& channel, const Method& method,
                                 const CallOptions& options)
    : call_(method, DeadlineOf(options, channel.clock()),
            ReplyLimits(method, channel.options()),
            {.bytes = channel.options().stream_window_bytes,
             .descriptors = channel.options().stream_window_descriptors}),
      channel_(channel),
      reply_metadata_(options.reply_metadata) {
  call_.max_metadata_bytes = channel.options().max_metadata_bytes;
}

ChannelCallBase::~ChannelCallBase() = default;

void ChannelCallBase::Start(const CallOptions& options, absl::Status prepared) {
  if (on_loop_) {
    absl::StatusOr<std::shared_ptr<LoopCore>> loop = channel_.GetLoop();
    if (loop.ok()) {
      call_.loop = *std::move(loop);
    } else if (prepared.ok()) {
      prepared = loop.status();
    }
  }
  {
    ChannelLock lock(mutex());
    if (!prepared.ok()) return End(std::move(prepared), lock);
    if (on_loop_ && call_.deadline != kNoDeadline) {
      channel_.SetTimer(call_.deadline, *this);
    }
    Begin(lock);
  }
  cancellation_.Watch(options, *this);
}

bool ChannelCallBase::Take(IncomingMessage message) {
  if (inherited()) return false;
  ReceivedMessage received;
  {
    ChannelLock lock(mutex());
    if (!TakeReceived(received, lock)) return false;
  }
  absl::Status parsed = ParseReply(std::move(received), message);
  if (parsed.ok()) return true;
  ChannelLock lock(mutex());
  End(parsed, lock);
  call_.SpoilReply(std::move(parsed));
  lock.DropLater(call_.state.Drop());
  return false;
}

void ChannelCallBase::Abort(const absl::Status& why) {
  if (inherited()) return;
  ChannelLock lock(mutex());
  End(why, lock);
}

void ChannelCallBase::OnExpired(ChannelLock& lock) {
  if (!call_.state.ended()) EndAtDeadline(lock);
}

absl::Status ChannelCallBase::status() {
  if (inherited()) return channel_.CheckProcess();
  ChannelLock lock(mutex());
  if (call_.state.ended() && reply_metadata_ != nullptr) {
    reply_metadata_->headers = call_.headers;
    reply_metadata_->trailers = call_.trailers;
  }
  return call_.NamedStatus(channel_.target().name);
}

void ChannelCallBase::Wait(CallEvent event, CallWait wait) {
  FDRPC_CHECK(call_.state.waits().IsFree(event),
              absl::StrCat("there are two waits for one event of a call: ",
                           std::string(call_.method.full_name)));
  call_.state.waits().Add(event, wait);
}

void ChannelCallBase::Notify(CallEvent event, Continuation& continuation) {
  if (inherited()) {
    const auto loop = channel_.GetLoop();
    return loop.ok() ? (*loop)->Post(continuation) : continuation.Run();
  }
  // The continuation may release the call before this function returns.
  const std::shared_ptr<ChannelCallBase> self = shared_from_this();
  // There is no loop: the call failed for that reason, and reports it here.
  if (call_.loop == nullptr) return continuation.Run();
  ChannelLock lock(mutex());
  if (call_.state.Ready(event)) return call_.loop->Post(continuation);
  Wait(event, {.continuation = &continuation});
}

void ChannelCallBase::Forget(Continuation& continuation) {
  if (inherited()) {
    const auto loop = channel_.GetLoop();
    if (loop.ok()) (*loop)->Remove(continuation);
    return;
  }
  ChannelLock lock(mutex());
  if (call_.state.waits().Remove(continuation) || call_.loop == nullptr) return;
  call_.loop->Remove(continuation);
}

}  // namespace fdrpc
