#include "client/reconnector.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "client/keep_alive.h"
#include "os/trace.h"
#include "wire/hello.h"

namespace fdrpc {
namespace {

Hello ClientHello(const ChannelOptions& options) {
  Hello hello;
  hello.max_message_bytes = options.max_reply_bytes;
  hello.max_descriptors = options.max_reply_descriptors;
  hello.initial_credit_bytes = options.stream_window_bytes;
  hello.initial_credit_descriptors = options.stream_window_descriptors;
  return hello;
}

}  // namespace

Reconnector::Reconnector(Connector connector, const ChannelOptions& options,
                         const Clock& clock,
                         std::shared_ptr<Connectivity> connectivity,
                         const ChannelTarget& target)
    : connector_(std::move(connector)),
      options_(options),
      clock_(clock),
      connectivity_(std::move(connectivity)),
      target_(target) {}

absl::StatusOr<std::shared_ptr<ClientConnection>> Reconnector::Connect(
    ChannelLock& lock) {
  lock.DropLater(std::move(connection_));
  absl::StatusOr<std::shared_ptr<ClientConnection>> made = Attempt();
  const MonotonicTime now = clock_.Now();
  if (!made.ok()) {
    if (Trace::Writes(Trace::kConnections)) {
      Trace::Line(absl::StrCat("client does not connect: ",
                               std::string(made.status().message())));
    }
    const bool unavailable = absl::IsUnavailable(made.status());
    connectivity_->OnNotConnected(made.status(), /*brief=*/unavailable, lock);
    if (unavailable) {
      waits_.OnNotConnected(now, /*busy=*/false, lock);
    } else {
      waits_.AdmitAll(lock);
    }
  } else if (*made == nullptr) {
    connectivity_->OnNotConnected(Busy(), /*brief=*/false, lock);
    waits_.OnNotConnected(now, /*busy=*/true, lock);
  } else {
    connection_ = *made;
    std::erase_if(connections_, [](const auto& it) { return it.expired(); });
    connections_.push_back(connection_);
    connectivity_->OnConnected(*connection_, lock);
    waits_.OnConnected(now, lock);
  }
  return made;
}

absl::StatusOr<std::shared_ptr<ClientConnection>> Reconnector::Attempt() {
  absl::Status closes = account_->CheckCloses();
  if (!closes.ok()) return closes;
  absl::StatusOr<std::unique_ptr<Transport>> transport = connector_();
  if (!transport.ok()) return transport.status();
  if (*transport == nullptr) return nullptr;
  return ClientConnection::Create(
      *std::move(transport), ClientHello(options_),
      {.bytes = options_.max_queued_bytes,
       .descriptors = options_.max_queued_descriptors,
       .together = &account_->unreceived()},
      KeepAlive(options_.keepalive_interval, options_.keepalive_timeout),
      options_.max_busy_poll, clock_, connectivity_, account_, options_.offer);
}

void Reconnector::Forget(const ClientConnection& connection,
                         ChannelLock& lock) {
  if (connection_.get() == &connection) {
    lock.DropLater(std::move(connection_));
  }
}

void Reconnector::AddTo(ChannelStatistics& statistics) const {
  account_->AddTo(statistics);
  for (const auto& known : connections_) {
    const std::shared_ptr<ClientConnection> connection = known.lock();
    if (connection == nullptr || connection->ended()) continue;
    ++statistics.connections;
    statistics.queued_bytes += connection->queued_bytes();
  }
}

absl::Status Reconnector::WhyNotConnected() {
  const absl::Status& failure = connectivity_->failure();
  return connectivity_->failure_is_brief() && target_.explain != nullptr
             ? target_.explain(failure)
             : failure;
}

std::string Reconnector::WhyNotReady() {
  switch (connectivity_->state()) {
    case ChannelState::kTransientFailure:
      return std::string(WhyNotConnected().message());
    case ChannelState::kConnecting:
      return "its hello has not come: it hangs, or is not an fdrpc server";
    default:
      return absl::StrCat("the connection has ended: ",
                          std::string(WhyNotConnected().message()));
  }
}

absl::Status Reconnector::Busy() {
  return absl::UnavailableError(
      "the server does not take the connection: its queue of connections is "
      "full");
}

}  // namespace fdrpc
