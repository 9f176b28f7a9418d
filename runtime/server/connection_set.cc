#include "server/connection_set.h"

#include <utility>

namespace fdrpc {

std::shared_ptr<ServerConnection> ConnectionSet::Find(uint64_t token) {
  MutexLock lock(mu_);
  auto it = open_.find(token);
  return it == open_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<ServerConnection>> ConnectionSet::All() {
  MutexLock lock(mu_);
  std::vector<std::shared_ptr<ServerConnection>> all;
  all.reserve(open_.size());
  for (const auto& [token, connection] : open_) all.push_back(connection);
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
  const uint64_t token = connection->token();
  {
    MutexLock lock(mu_);
    std::erase_if(closed_, [](const auto& closed) { return closed.expired(); });
    if (!poller_.Add(connection->pollable_fd(), token, {}).ok()) return;
    open_.emplace(token, connection);
  }
  timeouts_.Add(connection);
  connection->Start();
}

void ConnectionSet::OnInterestChanged(ServerConnection& connection) {
  // Under the lock, so that of two changes the later one's result stays.
  MutexLock lock(mu_);
  if (!open_.contains(connection.token())) return;
  // For a descriptor in the set, this fails only if memory is short; the loss
  // is noticed when the peer closes.
  (void)poller_.Change(connection.pollable_fd(), connection.token(),
                       connection.interest());
}

void ConnectionSet::OnConnectionClosed(ServerConnection& connection) {
  std::shared_ptr<ServerConnection> gone;
  {
    MutexLock lock(mu_);
    auto it = open_.find(connection.token());
    if (it == open_.end()) return;
    poller_.Remove(connection.pollable_fd());
    gone = std::move(it->second);
    open_.erase(it);
    if (gone->has_calls()) closed_.push_back(gone);
  }
  // A shutdown may be waiting for this.
  wakeup_.Notify();
}

}  // namespace fdrpc
