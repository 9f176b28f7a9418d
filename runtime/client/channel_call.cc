#include "client/channel_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "call/parse.h"

namespace fdrpc {
namespace {

// How often a call that the server has not seen is made again, if it does not
// wait for the server: enough for servers that replace each other.
constexpr int kMaxAttempts = 5;

// Pauses between attempts to reach a server that is not there.
constexpr absl::Duration kFirstPause = absl::Milliseconds(1);
constexpr absl::Duration kLongestPause = absl::Milliseconds(20);

absl::Status Cancelled() {
  return absl::CancelledError("the caller cancelled the call");
}

MonotonicTime Deadline(const CallOptions& options) {
  absl::Duration timeout = options.timeout;
  if (options.parent != nullptr) {
    timeout = std::min(timeout, options.parent->time_remaining());
  }
  return timeout == absl::InfiniteDuration()
             ? kNoDeadline
             : DeadlineAfter(Clock::Real().Now(), timeout);
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
      options_(options),
      state_(method, Deadline(options), ReplyLimits(method, core.options()),
             {.bytes = core.options().stream_window_bytes,
              .descriptors = core.options().stream_window_descriptors}),
      pause_(kFirstPause) {
  state_.owner = this;
}

ChannelCall::~ChannelCall() {
  // It runs Abort() no more when these are gone.
  parent_stop_.reset();
  stop_.reset();
  std::shared_ptr<ClientConnection> connection;
  {
    ChannelLockHolder lock(lock_);
    core_.lock().AssertHeld();
    End(Cancelled());
    if (deadline_planned_) core_.LookNoMore(state_.deadline, *this);
    if (retry_at_.has_value()) core_.LookNoMore(*retry_at_, *this);
    connection = connection_;
    if (connection != nullptr) {
      connection->lock().AssertHeld();
      if (!connection->usable()) core_.Forget(*connection);
    }
  }
  Flush(connection);
}

absl::Status ChannelCall::Check() const {
  absl::Status status = core_.CheckProcess();
  if (!status.ok()) return status;
  if (options_.timeout <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError("the call's timeout is not positive");
  }
  if (options_.cancellation.stop_requested()) return Cancelled();
  return absl::OkStatus();
}

void ChannelCall::Start(const OutgoingMessage* request, bool borrow_request) {
  absl::Status status = Check();
  if (status.ok()) {
    status =
        request_.Prepare(request, borrow_request,
                         state_.deadline != kNoDeadline, options_.metadata);
  }
  if (on_loop_) {
    absl::StatusOr<std::shared_ptr<LoopCore>> loop = core_.GetLoop();
    if (loop.ok()) {
      loop_ = *std::move(loop);
    } else if (status.ok()) {
      status = loop.status();
    }
    state_.loop = loop_.get();
  }
  if (!status.ok()) {
    ChannelLockHolder lock(lock_);
    return state_.End(std::move(status), lock_);
  }
  state_.open_bytes = request_.bytes();
  state_.open_descriptors = request_.descriptors();
  std::shared_ptr<ClientConnection> connection;
  {
    ChannelLockHolder lock(lock_);
    core_.lock().AssertHeld();
    if (on_loop_ && state_.deadline != kNoDeadline) {
      core_.LookAt(state_.deadline, *this);
      deadline_planned_ = true;
    }
    const std::optional<MonotonicTime> again = Connect();
    if (again.has_value() && on_loop_) TryAgainAt(*again);
    connection = connection_;
  }
  Flush(connection);
  if (options_.cancellation.stop_possible()) {
    stop_.emplace(options_.cancellation, Stop(*this));
  }
  if (options_.parent != nullptr) {
    parent_stop_.emplace(options_.parent->cancellation(), Stop(*this));
  }
}

void ChannelCall::Stop::operator()() const { call_.Abort(Cancelled()); }

// Connections.

std::optional<MonotonicTime> ChannelCall::Connect() {
  core_.lock().AssertHeld();
  absl::StatusOr<std::shared_ptr<ClientConnection>> connection =
      core_.GetConnection();
  if (!connection.ok()) {
    if (!options_.wait_for_ready || !absl::IsUnavailable(connection.status())) {
      End(connection.status());
      return std::nullopt;
    }
    state_.unseen_because = connection.status();
    const MonotonicTime again = DeadlineAfter(Clock::Real().Now(), pause_);
    pause_ = std::min(pause_ * 2, kLongestPause);
    return again;
  }
  // Unless the connection gave back what it did not send.
  if (state_.open.empty()) state_.open = request_.Build();
  if (state_.open.empty()) {
    End(state_.unseen_because);
    return std::nullopt;
  }
  ++attempts_;
  state_.resend_if_unseen = options_.wait_for_ready || attempts_ < kMaxAttempts;
  former_connection_ = std::exchange(connection_, *std::move(connection));
  connection_->lock().AssertHeld();
  if (loop_ != nullptr) {
    absl::Status read = connection_->ReadWith(loop_);
    if (!read.ok()) {
      End(std::move(read));
      return std::nullopt;
    }
  }
  connection_->Begin(state_);
  return std::nullopt;
}

MonotonicTime ChannelCall::NextAttempt() const {
  // Several servers that go before they have seen the call are one that comes
  // and goes: no haste.
  return attempts_ < kMaxAttempts
             ? MonotonicTime()
             : DeadlineAfter(Clock::Real().Now(), kLongestPause);
}

void ChannelCall::OnUnseen() {
  lock_.AssertHeld();
  // A thread that waits does it itself.
  if (on_loop_) TryAgainAt(NextAttempt());
}

void ChannelCall::TryAgainAt(MonotonicTime at) {
  core_.lock().AssertHeld();
  if (retry_at_.has_value()) core_.LookNoMore(*retry_at_, *this);
  retry_at_ = at;
  core_.LookAt(at, *this);
}

void ChannelCall::OnTime(
    MonotonicTime now,
    std::vector<std::shared_ptr<ClientConnection>>& connections) {
  if (retry_at_.has_value() && *retry_at_ <= now) retry_at_.reset();
  if (state_.done) return;
  if (state_.deadline <= now) {
    deadline_planned_ = false;
    EndAtDeadline();
  } else if (state_.connection == nullptr) {
    const std::optional<MonotonicTime> again = Connect();
    if (again.has_value()) TryAgainAt(*again);
  }
  connections.push_back(connection_);
  connections.push_back(std::move(former_connection_));
}

// Waiting.

bool ChannelCall::Ready(CallEvent event) {
  ChannelLockHolder lock(lock_);
  return state_.Ready(event);
}

void ChannelCall::Await(CallEvent event) {
  WaitingThread thread;
  // The one that this thread reads, or is parked at.
  std::shared_ptr<ClientConnection> connection;
  lock_.Lock();
  FDRPC_CHECK(state_.wait(event).thread == nullptr,
              "two threads wait for the same of a call");
  state_.wait(event).thread = &thread;
  while (!state_.Ready(event)) {
    if (state_.deadline != kNoDeadline &&
        Clock::Real().Now() >= state_.deadline) {
      EndAtDeadline();
    } else if (state_.connection == nullptr) {
      AwaitConnection(thread);
    } else {
      connection = connection_;
      connection->lock().AssertHeld();
      connection->WaitOnce(thread, state_.deadline);
      // Somebody must read for those who still wait there.
      if (connection.get() != state_.connection) connection->EndWait();
    }
  }
  state_.wait(event).thread = nullptr;
  if (connection != nullptr) {
    connection->lock().AssertHeld();
    connection->EndWait();
  }
  lock_.Unlock();
  Flush(connection);
}

void ChannelCall::AwaitConnection(WaitingThread& thread) {
  std::optional<MonotonicTime> again;
  if (attempts_ >= kMaxAttempts && !std::exchange(paused_, true)) {
    again = NextAttempt();
  } else {
    paused_ = false;
    again = Connect();
  }
  const std::shared_ptr<ClientConnection> connection = connection_;
  const std::shared_ptr<ClientConnection> former =
      std::move(former_connection_);
  thread.pauses = again.has_value();
  lock_.Unlock();
  if (again.has_value()) {
    thread.parker.Park(std::min(*again, state_.deadline));
  } else {
    Flush(connection);
  }
  lock_.Lock();
  thread.pauses = false;
}

void ChannelCall::Notify(CallEvent event, Continuation& continuation) {
  // The continuation may let go of the call before this function returns.
  const std::shared_ptr<ChannelCall> self = shared_from_this();
  if (loop_ == nullptr) {
    // There is no loop to run it: the call failed for want of one, and says so.
    return continuation.Run();
  }
  ChannelLockHolder lock(lock_);
  FDRPC_CHECK(state_.wait(event).continuation == nullptr,
              "two wait for the same of a call");
  if (state_.Ready(event)) {
    loop_->Post(continuation);
  } else {
    state_.wait(event).continuation = &continuation;
  }
}

void ChannelCall::Forget(Continuation& continuation) {
  ChannelLockHolder lock(lock_);
  for (int event = 0; event < kCallEvents; ++event) {
    auto& wait = state_.wait(static_cast<CallEvent>(event));
    if (wait.continuation == &continuation) {
      wait.continuation = nullptr;
      return;
    }
  }
  if (loop_ != nullptr) loop_->Remove(continuation);
}

// Messages.

bool ChannelCall::Take(IncomingMessage message) {
  ReceivedMessage received;
  std::shared_ptr<ClientConnection> connection;
  {
    ChannelLockHolder lock(lock_);
    if (ended_here_ || !state_.inbox.has_message()) return false;
    const Credit grant = state_.inbox.Take(received);
    if (!grant.empty() && state_.connection != nullptr) {
      connection = connection_;
      connection->lock().AssertHeld();
      connection->Grant(state_, grant);
    }
  }
  Flush(connection);
  absl::Status parsed = ParseReceived(std::move(received), message);
  if (parsed.ok()) return true;
  {
    ChannelLockHolder lock(lock_);
    End(parsed);
    if (state_.status.ok()) state_.status = std::move(parsed);
    ended_here_ = true;
    connection = connection_;
  }
  Flush(connection);
  return false;
}

bool ChannelCall::Send(OutgoingMessage message, bool last) {
  DescriptorSet descriptors;
  absl::Status sendable = PrepareMessage(message, descriptors);
  if (!sendable.ok()) {
    Abort(sendable);
    return false;
  }
  const size_t count = descriptors.size();
  OutgoingFrames frames =
      BuildMessage(0, *message.message, std::move(descriptors), last);
  std::shared_ptr<ClientConnection> connection;
  {
    ChannelLockHolder lock(lock_);
    if (state_.done) {
      lock_.DropLater(std::move(frames));
      return false;
    }
    FDRPC_CHECK(state_.outbox.has_room(),
                "a message is written before the last one was taken over");
    FDRPC_CHECK(!half_closed_, "a message is written behind the half-close");
    half_closed_ = last;
    state_.outbox.Put(std::move(frames), message.message->GetCachedSize(),
                      count);
    connection = SendWaiting();
  }
  Flush(connection);
  return true;
}

void ChannelCall::HalfClose() {
  std::shared_ptr<ClientConnection> connection;
  {
    ChannelLockHolder lock(lock_);
    if (state_.done || std::exchange(half_closed_, true)) return;
    state_.half_close_asked = true;
    connection = SendWaiting();
  }
  Flush(connection);
}

std::shared_ptr<ClientConnection> ChannelCall::SendWaiting() {
  if (state_.connection == nullptr) return nullptr;
  connection_->lock().AssertHeld();
  connection_->SendWaiting(state_);
  return connection_;
}

// Ends.

void ChannelCall::Abort(const absl::Status& why) {
  std::shared_ptr<ClientConnection> connection;
  {
    ChannelLockHolder lock(lock_);
    if (state_.done) return;
    End(why);
    connection = connection_;
  }
  Flush(connection);
}

void ChannelCall::EndAtDeadline() {
  if (state_.connection == nullptr && !state_.unseen_because.ok()) {
    return End(absl::DeadlineExceededError(absl::StrCat(
        "the deadline passed while the call waited for the server: ",
        std::string(state_.unseen_because.message()))));
  }
  End(absl::DeadlineExceededError("the call's deadline has passed"));
}

void ChannelCall::End(absl::Status why) {
  if (state_.done) return;
  ended_here_ = true;
  if (state_.connection == nullptr) {
    return state_.End(std::move(why), lock_);
  }
  connection_->lock().AssertHeld();
  connection_->Abandon(state_, std::move(why));
}

absl::Status ChannelCall::status() {
  ChannelLockHolder lock(lock_);
  if (state_.done && options_.reply_metadata != nullptr) {
    options_.reply_metadata->headers = state_.headers;
    options_.reply_metadata->trailers = state_.trailers;
  }
  return state_.status;
}

void ChannelCall::Flush(const std::shared_ptr<ClientConnection>& connection) {
  if (connection != nullptr) connection->Flush();
}

}  // namespace fdrpc
