#include "client/connectivity.h"

namespace fdrpc {

void Connectivity::OnConnected(const ClientConnection& connection) {
  connection_ = &connection;
  Change(ChannelState::kConnecting);
}

void Connectivity::OnNotConnected(const absl::Status& why, bool brief) {
  failure_ = why;
  brief_ = brief;
  ended_ = nullptr;
  Change(ChannelState::kTransientFailure);
}

void Connectivity::OnHello(const ClientConnection& connection) {
  if (connection_ != &connection) return;
  Change(ChannelState::kReady);
  if (listener_ != nullptr) listener_->OnServerReady();
}

void Connectivity::OnEnded(const ClientConnection& connection,
                           const absl::Status& why) {
  if (connection_ != &connection) {
    if (ended_ == &connection) failure_ = why;
    return;
  }
  connection_ = nullptr;
  if (state_ == ChannelState::kConnecting) {
    OnNotConnected(why, /*brief=*/false);
  } else {
    failure_ = why;
    brief_ = false;
    Change(ChannelState::kIdle);
  }
  ended_ = &connection;
}

void Connectivity::Add(StateWatch& watch) {
  watches_.push_back(&watch);
  watch.Tell(state_);
}

void Connectivity::Change(ChannelState state) {
  if (state_ == state) return;
  state_ = state;
  for (StateWatch* watch : watches_) watch->Tell(state);
  for (WaitingThread* thread : threads_) thread->Wake(lock_.to_wake());
}

}  // namespace fdrpc
