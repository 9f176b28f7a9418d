#ifndef FDRPC_CLIENT_WAITING_THREADS_H_
#define FDRPC_CLIENT_WAITING_THREADS_H_

#include <atomic>
#include <cstddef>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "client/channel_lock.h"
#include "os/parker.h"
#include "os/wakeup.h"

namespace fdrpc {

class WaitingThreads;

// A thread that blocks until its call has got on. On that thread's stack;
// guarded by the channel's lock, but for the parker.
struct WaitingThread {
  static constexpr size_t kNotParked = static_cast<size_t>(-1);

  // Has the thread look whether its call has got on.
  void Wake(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  Parker parker;
  // Sleeps in the parker without a connection: the server is not there.
  bool pauses = false;
  WaitingThreads* among = nullptr;  // those that it waits with
  size_t parked_index = kNotParked;
};

// The threads that wait on one connection, of which one reads, for all of them,
// and the others are parked. When the reader's own call has got on, it makes
// another the reader. Decides who does what.
class WaitingThreads {
 public:
  static absl::StatusOr<WaitingThreads> Create();
  WaitingThreads(WaitingThreads&& other) noexcept;

  bool has_reader() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return reader_ != nullptr;
  }
  bool empty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return reader_ == nullptr && parked_.empty();
  }

  // Makes the calling thread the reader. Only if there is none.
  void BeginReading(WaitingThread& thread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void EndReading() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // These are the reader's, without the lock.
  //
  // Whether it is to look what has changed.
  bool wakeup_pending() const {
    return wakeup_pending_.load(std::memory_order_relaxed);
  }
  // Whether it may sleep, on the socket and wakeup_fd(): not if it is to look.
  bool BeginSleep();
  int wakeup_fd() const { return wakeup_.fd(); }
  // Whether other threads wait here, or have been woken a moment ago.
  bool others_wait() const {
    return others_wait_.load(std::memory_order_relaxed);
  }
  // After that; `woken`: wakeup_fd() was readable.
  void EndSleep(bool woken);

  void Park(WaitingThread& thread) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void Unpark(WaitingThread& thread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // If there is no reader: has a parked thread look, which then becomes it.
  // False if none is parked.
  bool PassReading(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Has the thread look whether its call has got on.
  void Wake(WaitingThread& thread, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Has the reader look at the socket again.
  void WakeReader();

 private:
  explicit WaitingThreads(Wakeup wakeup) : wakeup_(std::move(wakeup)) {}

  Wakeup wakeup_;
  std::atomic<bool> wakeup_pending_{false};
  // Of this one and wakeup_pending_ the reader sets one and then looks at the
  // other, and who wakes it the other way round (both sequentially consistent):
  // so either it does not sleep or it is woken. It may be woken when it is
  // awake already, and the next sleep then ends early. Only the first who wakes
  // it does anything: wakeup_pending_ is reset under the lock, by a reader that
  // looks behind that.
  std::atomic<bool> reader_sleeps_{false};
  std::atomic<bool> others_wait_{false};
  WaitingThread* reader_ ABSL_GUARDED_BY(channel_mutex) = nullptr;
  std::vector<WaitingThread*> parked_ ABSL_GUARDED_BY(channel_mutex);
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_WAITING_THREADS_H_
