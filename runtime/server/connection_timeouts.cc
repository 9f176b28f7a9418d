#include "server/connection_timeouts.h"

#include <algorithm>
#include <optional>

namespace fdrpc {
namespace {

// The time without a frame after which a connection gives up its rings, at the
// latest after twice that time. To have them again costs a busy one some
// hundred microseconds.
constexpr absl::Duration kIdleTimeOfRings = absl::Seconds(5);

}  // namespace

ConnectionTimeouts::ConnectionTimeouts(const ServerOptions& options,
                                       Waker& waker, const Clock& clock)
    : waker_(waker),
      clock_(clock),
      request_timeout_(options.request_timeout),
      max_age_grace_(options.max_connection_age_grace),
      handshakes_(options.handshake_timeout),
      requests_(options.request_timeout),
      ages_(options.max_connection_age),
      rings_(kIdleTimeOfRings),
      idles_(options.max_connection_idle) {}

void ConnectionTimeouts::Add(
    const std::shared_ptr<ServerConnection>& connection) {
  const MonotonicTime now = clock_.Now();
  if (!connection->may_be_silent()) {
    DropHandshakes();
    handshakes_.Add(connection, now);
  }
  ages_.Add(connection, now);
  idles_.Add(connection, now);
  waker_.WakeBy(next());
}

void ConnectionTimeouts::OnRequestIncomplete(ServerConnection& connection) {
  requests_.Add(connection.shared(), clock_.Now());
  waker_.WakeBy(requests_.next());
}

void ConnectionTimeouts::OnRingsBegun(ServerConnection& connection) {
  rings_.Add(connection.shared(), clock_.Now());
  waker_.WakeBy(rings_.next());
}

void ConnectionTimeouts::DropHandshakes() {
  handshakes_.DropFront(
      [](const ServerConnection& front) { return front.has_hello(); });
}

MonotonicTime ConnectionTimeouts::next() const {
  return std::min({handshakes_.next(), requests_.next(), ages_.next(),
                   rings_.next(), idles_.next()});
}

void ConnectionTimeouts::Advance(MonotonicTime now,
                                 DrainingConnections& draining) {
  while (const auto connection = handshakes_.TakeExpired(now)) {
    if (connection->has_hello()) continue;
    connection->Close(absl::DeadlineExceededError(
        "the client did not complete the handshake in time"));
  }
  DropHandshakes();
  while (const auto connection = requests_.TakeExpired(now)) {
    const std::optional<MonotonicTime> since = connection->incomplete_since();
    if (!since.has_value()) continue;
    if (DeadlineAfter(*since, request_timeout_) <= now) {
      connection->Close(absl::DeadlineExceededError(
          "the client did not complete a request in time"));
    } else {
      requests_.Add(connection, now);
    }
  }
  while (const auto connection = ages_.TakeExpired(now)) {
    draining.Add(connection, DeadlineAfter(now, max_age_grace_));
  }
  while (const auto connection = rings_.TakeExpired(now)) {
    if (connection->CheckRings()) rings_.Add(connection, now);
  }
  while (const auto connection = idles_.TakeExpired(now)) {
    if (connection->draining()) continue;
    if (connection->WasIdle()) {
      draining.Add(connection, kNoDeadline);
    } else {
      idles_.Add(connection, now);
    }
  }
}

}  // namespace fdrpc
