#include "server/connection_set.h"

#include <utility>

namespace fdrpc {

std::vector<std::shared_ptr<ServerConnection>> ConnectionSet::All() const {
  MutexLock lock(mu_);
  std::vector<std::shared_ptr<ServerConnection>> all;
  all.assign(open_.begin(), open_.end());
  for (const auto& closed : closed_) {
    if (auto connection = closed.lock()) all.push_back(std::move(connection));
  }
  return all;
}

bool ConnectionSet::empty() const {
  MutexLock lock(mu_);
  return open_.empty();
}

void ConnectionSet::Add(const std::shared_ptr<ServerConnection>& connection) {
  {
    MutexLock lock(mu_);
    std::erase_if(closed_, [](const auto& closed) { return closed.expired(); });
    const absl::StatusOr<uint64_t> token =
        reactor_->Watch(connection->pollable_fd(), connection);
    if (!token.ok()) return;
    connection->set_token(*token);
    open_.insert(connection);
  }
  timeouts_.Add(connection);
  connection->Start();
}

void ConnectionSet::OnInterestChanged(ServerConnection& connection) {
  // Under the lock, so that of two changes the later one's result stays.
  MutexLock lock(mu_);
  if (!open_.contains(&connection)) return;
  // Fails only if memory is short; the loss is noticed when the peer closes.
  const Poller::Interest interest = connection.interest();
  (void)reactor_->Change(connection.pollable_fd(), connection.token(),
                         interest);
  // What is in its ring does not make the socket ready.
  if (interest.readable && connection.uses_rings()) {
    reactor_->Wake(connection.shared());
  }
}

void ConnectionSet::OnConnectionClosed(ServerConnection& connection) {
  std::shared_ptr<ServerConnection> gone;
  {
    MutexLock lock(mu_);
    auto it = open_.find(&connection);
    if (it == open_.end()) return;
    reactor_->Unwatch(connection.pollable_fd(), connection.token());
    gone = *it;
    open_.erase(it);
    if (gone->has_calls()) closed_.push_back(gone);
  }
  // A shutdown may be waiting for this.
  waker_.Wake();
}

}  // namespace fdrpc
