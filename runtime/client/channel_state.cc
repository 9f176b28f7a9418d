#include "fdrpc/channel_state.h"

#include "client/channel_lock.h"
#include "client/connectivity.h"
#include "client/state_watch.h"

namespace fdrpc {

std::ostream& operator<<(std::ostream& to, ChannelState state) {
  switch (state) {
    case ChannelState::kIdle:
      return to << "IDLE";
    case ChannelState::kConnecting:
      return to << "CONNECTING";
    case ChannelState::kReady:
      return to << "READY";
    case ChannelState::kTransientFailure:
      return to << "TRANSIENT_FAILURE";
    case ChannelState::kShutdown:
      return to << "SHUTDOWN";
  }
  return to;
}

void ChannelStateWatch::End() {
  if (watch_ == nullptr) return;
  // In a child made by fork(2) nothing is reported to it.
  if (!watch_->inherited_by_fork()) {
    {
      ChannelLock lock(connectivity_->mutex());
      connectivity_->Remove(*watch_);
    }
    watch_->End();
  }
  watch_.reset();
  connectivity_.reset();
}

}  // namespace fdrpc
