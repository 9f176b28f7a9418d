#ifndef FDRPC_CLIENT_CHANNEL_LOCK_H_
#define FDRPC_CLIENT_CHANNEL_LOCK_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "connection/deferring_lock.h"
#include "os/parker.h"

namespace fdrpc {

class BatchedWriter;

// The one mutex of a channel, its connections and its calls: a call can so move
// from a connection to the next without a race. Only a ChannelLock locks it.
class ABSL_LOCKABLE ChannelMutex {
 private:
  friend class ChannelLock;
  Mutex mutex_;
};

// What the thread-safety analysis calls the mutex of whichever channel: what
// shares it has references to it, and the analysis would take each for another
// mutex. A name only, which is defined nowhere. That it is the right channel's
// is asserted where calls, connections and channels meet.
extern ChannelMutex channel_mutex ABSL_ACQUIRED_BEFORE(lock_order::connection);

struct ClientSide {
  struct Thread {
    Parker::Address address;
    void Wake() const { Parker::Wake(address); }
  };
  using Connection = std::shared_ptr<BatchedWriter>;
  // What is dropped is the user's own, and a process that makes only blocking
  // calls starts no thread.
  static constexpr bool kClosesInBackground = false;
};
extern template void DeferringLock<ClientSide>::DoDeferred();

// Holds a channel's mutex for a scope.
class ABSL_SCOPED_LOCKABLE ChannelLock : public DeferringLock<ClientSide> {
 public:
  explicit ChannelLock(ChannelMutex& mutex)
      ABSL_EXCLUSIVE_LOCK_FUNCTION(channel_mutex)
      : DeferringLock(mutex.mutex_) {}
  ~ChannelLock() ABSL_UNLOCK_FUNCTION() {}

  bool Holds(const ChannelMutex& mutex) const {
    return DeferringLock::Holds(mutex.mutex_);
  }

  // Gives the mutex up for a wait, and takes it again.
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
