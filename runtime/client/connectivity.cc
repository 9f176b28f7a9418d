#include "client/connectivity.h"

namespace fdrpc {

void Connectivity::OnConnected(const ClientConnection& connection) {
  connection_ = &connection;
  Change(ChannelState::kConnecting);
}

void Connectivity::OnNotConnected(const absl::Status& why) {
  failure_ = why;
  Change(ChannelState::kTransientFailure);
}

void Connectivity::OnHello(const ClientConnection& connection) {
  if (connection_ != &connection) return;
  Change(ChannelState::kReady);
  if (listener_ != nullptr) listener_->OnServerReady();
}

void Connectivity::OnEnded(const ClientConnection& connection,
                           const absl::Status& why) {
  if (connection_ != &connection) return;
  connection_ = nullptr;
  if (state_ == ChannelState::kConnecting) return OnNotConnected(why);
  failure_ = why;
  Change(ChannelState::kIdle);
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
