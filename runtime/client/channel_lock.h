#ifndef FDRPC_CLIENT_CHANNEL_LOCK_H_
#define FDRPC_CLIENT_CHANNEL_LOCK_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "connection/deferring_lock.h"
#include "os/parker.h"

namespace fdrpc {

class BatchedWriter;

// The only mutex of a channel, its connections and its calls, so that a call
// can move from one connection to the next without a race. Only a ChannelLock
// locks it.
class ABSL_LOCKABLE ChannelMutex {
 private:
  friend class ChannelLock;
  Mutex mutex_;
};

// The name of the mutex of any channel for the thread-safety analysis. Each
// object of a channel has a reference to the mutex, which the analysis would
// take for different ones. This variable is not defined anywhere. Assertions
// where calls, connections and channels meet check that it is the right
// channel's mutex.
extern ChannelMutex channel_mutex ABSL_ACQUIRED_BEFORE(lock_order::connection);

struct ClientSide {
  struct Thread {
    Parker::Address address;
    void Wake() const { Parker::Wake(address); }
  };
  using Connection = std::shared_ptr<BatchedWriter>;
  // The dropped objects are the user's own, and a process that makes only
  // blocking calls starts no thread.
  static constexpr bool kClosesInBackground = false;
};
extern template void DeferringLock<ClientSide>::DoDeferred();

// Holds a channel's mutex for its lifetime.
class ABSL_SCOPED_LOCKABLE ChannelLock : public DeferringLock<ClientSide> {
 public:
  explicit ChannelLock(ChannelMutex& mutex)
      ABSL_EXCLUSIVE_LOCK_FUNCTION(channel_mutex)
      : DeferringLock(mutex.mutex_) {}
  ~ChannelLock() ABSL_UNLOCK_FUNCTION() {}

  bool Holds(const ChannelMutex& mutex) const {
    return DeferringLock::Holds(mutex.mutex_);
  }

  // Releases the mutex for a wait, and takes it again.
  void Unlock()
      ABSL_UNLOCK_FUNCTION(channel_mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    DeferringLock::Unlock();
  }
  void Relock() ABSL_EXCLUSIVE_LOCK_FUNCTION(channel_mutex)
      ABSL_NO_THREAD_SAFETY_ANALYSIS {
    DeferringLock::Relock();
  }
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_LOCK_H_
