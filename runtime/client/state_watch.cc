#include "client/state_watch.h"

#include <utility>

namespace fdrpc {

StateWatch::StateWatch(std::shared_ptr<LoopCore> loop,
                       absl::AnyInvocable<void(ChannelState)> on_change)
    : loop_(std::move(loop)), on_change_(std::move(on_change)) {}

void StateWatch::Tell(ChannelState state) {
  MutexLock lock(mu_);
  if (ended_) return;
  to_tell_.push_back(state);
  if (std::exchange(posted_, true)) return;
  loop_->Post([weak = weak_from_this()] {
    if (std::shared_ptr<StateWatch> self = weak.lock()) self->Run();
  });
}

void StateWatch::Run() {
  MutexLock lock(mu_);
  while (!to_tell_.empty()) {
    const ChannelState state = to_tell_.front();
    to_tell_.pop_front();
    running_ = true;
    mu_.Unlock();
    on_change_(state);
    mu_.Lock();
    running_ = false;
    returned_.SignalAll();
  }
  posted_ = false;
}

void StateWatch::End() {
  {
    MutexLock lock(mu_);
    ended_ = true;
    to_tell_.clear();
    if (!loop_->OnThisThread()) {
      while (running_) returned_.Wait(mu_);
    }
    if (running_) return;
  }
  on_change_ = nullptr;
}

}  // namespace fdrpc
