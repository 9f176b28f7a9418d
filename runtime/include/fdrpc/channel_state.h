#ifndef FDRPC_CHANNEL_STATE_H_
#define FDRPC_CHANNEL_STATE_H_

#include <iosfwd>
#include <memory>
#include <utility>

#include "fdrpc/internal/export.h"
#include "fdrpc/internal/language.h"

namespace fdrpc {

class Connectivity;
class StateWatch;

// The state of a channel: gRPC's states (grpc/grpc
// doc/connectivity-semantics-and-api.md), as far as they have a meaning on one
// machine. A channel does not connect by itself: the next call does.
enum class ChannelState {
  kIdle,        // no connection, and no attempt since the last one ended
  kConnecting,  // connected; the server's hello has not arrived
  kReady,
  kTransientFailure,  // the last attempt to connect failed
  kShutdown,          // for ever: this child inherited the channel by fork(2)
};

FDRPC_API std::ostream& operator<<(std::ostream& to, ChannelState state);

// Keeps a watch of a channel's state (Channel::WatchState()). The destructor
// ends the watch: after it has returned, the function is neither running nor
// called again. (Unless the destructor is called from within the function, on
// the thread of the channel's loop.) Does not keep the channel alive.
class [[nodiscard]] FDRPC_API ChannelStateWatch {
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
