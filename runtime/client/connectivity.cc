#include "client/connectivity.h"

namespace fdrpc {

void Connectivity::OnConnected(const ClientConnection& connection,
                               ChannelLock& lock) {
  connection_ = &connection;
  Change(ChannelState::kConnecting, lock);
}

void Connectivity::OnNotConnected(const absl::Status& why, bool brief,
                                  ChannelLock& lock) {
  failure_ = why;
  brief_ = brief;
  ended_ = nullptr;
  Change(ChannelState::kTransientFailure, lock);
}

void Connectivity::OnHello(const ClientConnection& connection,
                           ChannelLock& lock) {
  if (connection_ != &connection) return;
  Change(ChannelState::kReady, lock);
  if (listener_ != nullptr) listener_->OnServerReady(lock);
}

void Connectivity::OnEnded(const ClientConnection& connection,
                           const absl::Status& why, ChannelLock& lock) {
  if (connection_ != &connection) {
    if (ended_ == &connection) failure_ = why;
    return;
  }
  connection_ = nullptr;
  if (state_ == ChannelState::kConnecting) {
    OnNotConnected(why, /*brief=*/false, lock);
  } else {
    failure_ = why;
    brief_ = false;
    Change(ChannelState::kIdle, lock);
  }
  ended_ = &connection;
}

void Connectivity::Add(StateWatch& watch) {
  watches_.push_back(&watch);
  watch.Tell(state_);
}

void Connectivity::Change(ChannelState state, ChannelLock& lock) {
  if (state_ == state) return;
  state_ = state;
  for (StateWatch* watch : watches_) watch->Tell(state);
  for (WaitingThread* thread : threads_) thread->Wake(lock);
}

}  // namespace fdrpc
