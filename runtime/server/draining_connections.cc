#include "server/draining_connections.h"

#include <algorithm>
#include <utility>

namespace fdrpc {
namespace {

// The status of calls that have not ended in time.
absl::Status DrainTimedOut() {
  return absl::UnavailableError(
      "the server is shutting down, and the call has not ended within its "
      "drain timeout (ServerOptions::drain_timeout): make it again when the "
      "server is back");
}
absl::Status GraceOver() {
  return absl::UnavailableError(
      "the connection has reached the server's max_connection_age, and the "
      "call has not ended within ServerOptions::max_connection_age_grace: make "
      "it again, on a new connection");
}

}  // namespace

void DrainingConnections::Add(std::shared_ptr<ServerConnection> connection,
                              MonotonicTime deadline) {
  connection->Drain();
  draining_.push_back({std::move(connection), deadline});
}

void DrainingConnections::EndBy(MonotonicTime deadline) {
  for (DrainingConnection& draining : draining_) {
    draining.deadline = std::min(draining.deadline, deadline);
  }
}

MonotonicTime DrainingConnections::next() const {
  MonotonicTime next = kNoDeadline;
  for (const DrainingConnection& draining : draining_) {
    next = std::min(
        {next, draining.deadline, draining.connection->next_drain_step()});
  }
  return next;
}

void DrainingConnections::Advance(MonotonicTime now, bool server_ends) {
  std::erase_if(draining_, [&](const DrainingConnection& draining) {
    ServerConnection& connection = *draining.connection;
    if (now < draining.deadline && !connection.AdvanceDrain(now)) return false;
    // Before the end of the connection, which carries no reason.
    connection.FailCalls(server_ends ? DrainTimedOut() : GraceOver());
    connection.CloseForShutdown();
    return true;
  });
}

}  // namespace fdrpc
