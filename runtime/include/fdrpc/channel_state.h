#ifndef FDRPC_CHANNEL_STATE_H_
#define FDRPC_CHANNEL_STATE_H_

#include <iosfwd>
#include <memory>
#include <utility>

#include "fdrpc/internal/language.h"

namespace fdrpc {

class Connectivity;
class StateWatch;

// Where a channel stands: gRPC's states (grpc/grpc
// doc/connectivity-semantics-and-api.md), as far as they mean something on one
// machine. A server that waits, or that is shut down, is not connected to: the
// next call does that.
enum class ChannelState {
  kIdle,        // no connection, and none was tried since the last one ended
  kConnecting,  // there is a connection; the server has not said hello yet
  kReady,
  kTransientFailure,  // the last attempt to connect failed; the next may not
  kShutdown,  // for ever: this is a child, and inherited the channel by fork(2)
};

std::ostream& operator<<(std::ostream& to, ChannelState state);

// Keeps a watch of a channel's state going (Channel::WatchState()), and ends it
// when it goes: once that has returned, the function is neither running nor
// called again. (On the thread of the channel's loop, from within the function,
// it is of course running.) Does not keep the channel.
class [[nodiscard]] ChannelStateWatch {
 public:
  // Watches nothing.
  ChannelStateWatch() = default;
  ChannelStateWatch(ChannelStateWatch&& other) noexcept = default;
  ChannelStateWatch& operator=(ChannelStateWatch&& other) noexcept {
    End();
    connectivity_ = std::move(other.connectivity_);
    watch_ = std::move(other.watch_);
    return *this;
  }
  ~ChannelStateWatch() { End(); }

 private:
  friend class ChannelCore;
  ChannelStateWatch(std::shared_ptr<Connectivity> connectivity,
                    std::shared_ptr<StateWatch> watch)
      : connectivity_(std::move(connectivity)), watch_(std::move(watch)) {}

  void End();

  std::shared_ptr<Connectivity> connectivity_;
  std::shared_ptr<StateWatch> watch_;
};

}  // namespace fdrpc

#endif  // FDRPC_CHANNEL_STATE_H_
