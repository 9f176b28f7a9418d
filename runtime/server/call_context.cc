#include "server/call_context.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "os/local_socket.h"
#include "server/incoming_call.h"

namespace fdrpc {
namespace {

constexpr PeerCredentials kNobodyHere;

// The peer for which `forwarder` has made a call with that metadata; null if it
// has made the call for itself.
std::unique_ptr<const RemotePeer> RemotePeerOf(
    const Metadata& metadata, const PeerCredentials& forwarder) {
  const auto address = metadata.Get(kRemotePeerKey);
  if (!address.has_value()) return nullptr;
  auto remote = std::make_unique<RemotePeer>();
  remote->address = *address;
  remote->forwarder = forwarder;
  const bool trusted =
      forwarder.uid == 0 || forwarder.uid == OwnCredentials().uid;
  if (trusted) remote->identity = metadata.Get(kRemoteIdentityKey).value_or("");
  return remote;
}

}  // namespace

CallContext::CallContext(IncomingCall& call, const CallEnvironment& environment,
                         Metadata metadata, MonotonicTime deadline)
    : call_(call),
      environment_(environment),
      metadata_(std::move(metadata)),
      deadline_(deadline),
      remote_(RemotePeerOf(metadata_, environment.peer.credentials())) {}

const PeerCredentials& CallContext::peer() const {
  return remote_ == nullptr ? environment_.peer.credentials() : kNobodyHere;
}

absl::StatusOr<UniqueFd> CallContext::OpenPeerPidfd() const {
  if (remote_ == nullptr) return environment_.peer.OpenPidfd();
  return absl::FailedPreconditionError(
      absl::StrCat("the peer ", remote_->address,
                   " is remote: it has no process on this machine"));
}

bool CallContext::past_deadline() const {
  return deadline_ != kNoDeadline && environment_.clock.Now() >= deadline_;
}

absl::Duration CallContext::time_remaining() const {
  return TimeUntil(deadline_, environment_.clock.Now());
}

void CallContext::SetCancelled(absl::Status why) {
  why_cancelled_ = std::move(why);
  cancelled_.Set();
}

absl::Status CallContext::cancellation_reason() const {
  if (cancelled_.is_set() && !why_cancelled_.ok()) return why_cancelled_;
  return past_deadline() ? IncomingCall::DeadlinePassed() : absl::OkStatus();
}

void CallContext::StopReading() { call_.StopReading(); }

void CallContext::SendHeaders() { call_.SendHeaders(); }

}  // namespace fdrpc
