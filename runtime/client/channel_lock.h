#ifndef FDRPC_CLIENT_CHANNEL_LOCK_H_
#define FDRPC_CLIENT_CHANNEL_LOCK_H_

#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "client/waiting_threads.h"
#include "connection/frame_builder.h"

namespace fdrpc {

// The one lock of a channel, its connections and its calls: a call can so move
// from a connection to the next without a race. Holds what is to be done
// without it, and does that when it is given up.
class ABSL_LOCKABLE ChannelLock {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mu_.Lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    if (to_wake_.empty() && to_drop_.empty()) {
      mu_.Unlock();
      return;
    }
    const ToWake wake = std::exchange(to_wake_, {});
    // Closing the descriptors of a message that is not sent may block.
    const std::vector<OutgoingFrames> drop = std::exchange(to_drop_, {});
    mu_.Unlock();
    for (Parker::Address address : wake) Parker::Wake(address);
  }
  // Tells the analysis what it cannot see: that the caller, which knows the
  // lock by another name, holds it.
  void AssertHeld() ABSL_ASSERT_EXCLUSIVE_LOCK() {}

  // While it is held.
  ToWake& to_wake() { return to_wake_; }
  void DropLater(OutgoingFrames frames) {
    if (!frames.empty()) to_drop_.push_back(std::move(frames));
  }

 private:
  Mutex mu_;
  ToWake to_wake_;
  std::vector<OutgoingFrames> to_drop_;
};

// Holds the lock for a scope.
class ABSL_SCOPED_LOCKABLE ChannelLockHolder {
 public:
  explicit ChannelLockHolder(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCK_FUNCTION(lock)
      : lock_(lock) {
    lock_.Lock();
  }
  ~ChannelLockHolder() ABSL_UNLOCK_FUNCTION() { lock_.Unlock(); }
  ChannelLockHolder(const ChannelLockHolder&) = delete;
  ChannelLockHolder& operator=(const ChannelLockHolder&) = delete;

 private:
  ChannelLock& lock_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_LOCK_H_
