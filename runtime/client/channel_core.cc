#include "client/channel_core.h"

#include <algorithm>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/strings/str_cat.h"
#include "call/parse.h"
#include "client/pending_call.h"
#include "os/fork_generation.h"
#include "wire/metadata_block.h"

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

template <typename Callback>
class OnStop {
 public:
  OnStop(const std::stop_token& token, Callback callback) {
    if (token.stop_possible()) callback_.emplace(token, std::move(callback));
  }

 private:
  std::optional<std::stop_callback<Callback>> callback_;
};

// Sleeps until `until` or until `token` is asked to stop.
void PauseUntil(MonotonicTime until, const std::stop_token& token) {
  Parker parker;
  OnStop wake(token, [&parker] {
    parker.Give();
    Parker::Wake(parker.address());
  });
  parker.Park(until);
}

// Servers rely on what the protocol guarantees.
ChannelOptions AtLeastGuaranteed(ChannelOptions options) {
  options.max_reply_bytes =
      std::max(options.max_reply_bytes, kGuaranteedMessageBytes);
  options.max_reply_descriptors =
      std::max(options.max_reply_descriptors, kGuaranteedDescriptors);
  return options;
}

Hello ClientHello(const ChannelOptions& options) {
  Hello hello;
  hello.max_message_bytes = options.max_reply_bytes;
  hello.max_descriptors = options.max_reply_descriptors;
  return hello;
}

}  // namespace

ChannelCore::ChannelCore(Connector connector, const ChannelOptions& options)
    : connector_(std::move(connector)),
      options_(AtLeastGuaranteed(options)),
      fork_generation_(ForkGeneration()) {}

absl::Status ChannelCore::CheckCall(const OutgoingMessage& request,
                                    const CallOptions& options) const {
  if (ForkGeneration() != fork_generation_) {
    return absl::FailedPreconditionError(
        "the channel was inherited through fork(); make a new one in the "
        "child");
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError("the call's timeout is not positive");
  }
  if (options.cancellation.stop_requested()) return Cancelled();
  // The server's limits are checked once they are known.
  absl::Status sendable =
      CheckSendable(*request.message, 0, static_cast<size_t>(-1), 0);
  if (!sendable.ok()) return sendable;
  return CheckMetadata(options.metadata);
}

absl::Status ChannelCore::CallUnary(const Method& method,
                                    OutgoingMessage request,
                                    IncomingMessage reply,
                                    const CallOptions& options) {
  DescriptorSet descriptors;
  if (request.parcel != nullptr) {
    descriptors = request.parcel->TakeDescriptors();
  }
  absl::Status status = CheckCall(request, options);
  if (!status.ok()) return status;
  const MonotonicTime deadline =
      options.timeout == absl::InfiniteDuration()
          ? kNoDeadline
          : DeadlineAfter(Clock::Real().Now(), options.timeout);
  const MessageLimits limits = {
      .bytes = options_.max_reply_bytes,
      .descriptors =
          method.reply_has_descriptors ? options_.max_reply_descriptors : 0};

  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<std::shared_ptr<ClientConnection>> connection =
        AwaitConnection(options, deadline);
    if (!connection.ok()) return connection.status();

    PendingCall call(method, deadline, limits);
    call.request_bytes = request.message->ByteSizeLong();
    call.request_descriptors = descriptors.size();
    call.frames = BuildOpen(*request.message, std::move(descriptors),
                            deadline != kNoDeadline, options.metadata);
    {
      OnStop cancel(options.cancellation,
                    [&] { (*connection)->Cancel(call, Cancelled()); });
      (*connection)->Run(call);
    }
    if (!(*connection)->usable()) Forget(**connection);
    if (call.unseen_by_server &&
        (options.wait_for_ready || attempt < kMaxAttempts)) {
      if (attempt >= kMaxAttempts) {
        PauseUntil(std::min(deadline,
                            DeadlineAfter(Clock::Real().Now(), kLongestPause)),
                   options.cancellation);
      }
      descriptors.clear();
      for (OutgoingFrame& frame : call.frames) {
        for (OutgoingFd& fd : frame.descriptors) {
          descriptors.push_back(std::move(fd));
        }
      }
      continue;
    }
    if (options.reply_metadata != nullptr) {
      options.reply_metadata->headers = std::move(call.headers);
      options.reply_metadata->trailers = std::move(call.trailers);
    }
    if (!call.status.ok()) return call.status;
    return ParseReceived(call.reply.Take(), reply);
  }
}

absl::StatusOr<std::shared_ptr<ClientConnection>> ChannelCore::AwaitConnection(
    const CallOptions& options, MonotonicTime deadline) {
  absl::Duration pause = kFirstPause;
  while (true) {
    absl::StatusOr<std::shared_ptr<ClientConnection>> connection =
        GetConnection();
    if (connection.ok() || !options.wait_for_ready ||
        !absl::IsUnavailable(connection.status())) {
      return connection;
    }
    const MonotonicTime now = Clock::Real().Now();
    PauseUntil(std::min(deadline, DeadlineAfter(now, pause)),
               options.cancellation);
    if (options.cancellation.stop_requested()) return Cancelled();
    if (Clock::Real().Now() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("the deadline passed while the call waited for the "
                       "server: ",
                       connection.status().message()));
    }
    pause = std::min(pause * 2, kLongestPause);
  }
}

void ChannelCore::Forget(const ClientConnection& connection) {
  MutexLock lock(mu_);
  if (connection_.get() == &connection) connection_.reset();
}

absl::StatusOr<std::shared_ptr<ClientConnection>> ChannelCore::GetConnection() {
  MutexLock lock(mu_);
  if (connection_ != nullptr && connection_->usable()) return connection_;
  connection_.reset();
  absl::StatusOr<std::unique_ptr<Transport>> transport = connector_();
  if (!transport.ok()) return transport.status();
  absl::StatusOr<std::shared_ptr<ClientConnection>> connection =
      ClientConnection::Create(*std::move(transport), ClientHello(options_));
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  return connection_;
}

}  // namespace fdrpc
