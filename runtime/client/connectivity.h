#ifndef FDRPC_CLIENT_CONNECTIVITY_H_
#define FDRPC_CLIENT_CONNECTIVITY_H_

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "client/channel_lock.h"
#include "client/state_watch.h"
#include "client/waiting_threads.h"
#include "fdrpc/channel_state.h"

namespace fdrpc {

class ClientConnection;

// The state of a channel, and its watchers. The channel and its connections
// share it and report what happens; it does not connect.
class Connectivity {
 public:
  // The channel's, which its connections and calls also share.
  ChannelMutex& mutex() { return mutex_; }

  // Called when the server's hello has arrived, with the lock held.
  class Listener {
   public:
    virtual void OnServerReady(ChannelLock& lock)
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) = 0;

   protected:
    ~Listener() = default;
  };
  // Borrowed; null for none.
  void SetListener(Listener* listener)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    listener_ = listener;
  }

  // There is a connection for new calls, or none could be made. `brief`: the
  // maker of the attempt can give more details.
  void OnConnected(const ClientConnection& connection, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void OnNotConnected(const absl::Status& why, bool brief, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The server's hello has arrived.
  void OnHello(const ClientConnection& connection, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The connection accepts no new calls. May be reported again when more is
  // known about the reason.
  void OnEnded(const ClientConnection& connection, const absl::Status& why,
               ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  ChannelState state() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return state_;
  }
  // Why the last attempt to connect failed, or the last connection ended.
  const absl::Status& failure() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return failure_;
  }
  bool failure_is_brief() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return brief_;
  }

  // Borrows it until Remove(), and tells it the state.
  void Add(StateWatch& watch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void Remove(StateWatch& watch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    std::erase(watches_, &watch);
  }
  bool watched() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return !watches_.empty();
  }

  // The same for a thread, which is woken to look.
  void Add(WaitingThread& thread) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    threads_.push_back(&thread);
  }
  void Remove(WaitingThread& thread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    std::erase(threads_, &thread);
  }

 private:
  void Change(ChannelState state, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  ChannelMutex mutex_;
  ChannelState state_ ABSL_GUARDED_BY(channel_mutex) = ChannelState::kIdle;
  absl::Status failure_ ABSL_GUARDED_BY(channel_mutex);
  bool brief_ ABSL_GUARDED_BY(channel_mutex) = false;
  // The connection that ended, if one did; used only for comparison.
  const ClientConnection* ended_ ABSL_GUARDED_BY(channel_mutex) = nullptr;
  // The connection of kConnecting and kReady; used only for comparison.
  const ClientConnection* connection_ ABSL_GUARDED_BY(channel_mutex) = nullptr;
  Listener* listener_ ABSL_GUARDED_BY(channel_mutex) = nullptr;
  std::vector<StateWatch*> watches_ ABSL_GUARDED_BY(channel_mutex);
  std::vector<WaitingThread*> threads_ ABSL_GUARDED_BY(channel_mutex);
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CONNECTIVITY_H_
