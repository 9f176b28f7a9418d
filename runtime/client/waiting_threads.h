#ifndef FDRPC_CLIENT_WAITING_THREADS_H_
#define FDRPC_CLIENT_WAITING_THREADS_H_

#include <atomic>
#include <cstddef>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "call/call_waits.h"
#include "client/channel_lock.h"
#include "os/parker.h"
#include "os/wakeup.h"

namespace fdrpc {

class WaitingThreads;

// A thread that blocks until something has happened to its call. It is on that
// thread's stack, and guarded by the channel's lock, except the parker.
struct WaitingThread final : CallThread {
  static constexpr size_t kNotParked = static_cast<size_t>(-1);

  // Makes the thread check whether something has happened to its call.
  void Wake(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  Parker parker;
  // Sleeps in the parker without a connection, because there is no server.
  bool pauses = false;
  WaitingThreads* among = nullptr;  // those that it waits with
  size_t parked_index = kNotParked;
};

// The threads that wait on one connection. One of them reads for all, and the
// others are parked. When the reader's own wait has ended, it makes another one
// the reader. Decides who does what.
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
  // For the reader, without the lock.
  //
  // Whether it must look at what has changed.
  bool wakeup_pending() const {
    return wakeup_pending_.load(std::memory_order_relaxed);
  }
  // Whether it may sleep, on the socket and wakeup_fd(); not if it must look.
  bool BeginSleep();
  int wakeup_fd() const { return wakeup_.fd(); }
  // Whether other threads wait here, or were woken a moment ago.
  bool others_wait() const {
    return others_wait_.load(std::memory_order_relaxed);
  }
  // After that; `woken`: wakeup_fd() was readable.
  void EndSleep(bool woken);

  void Park(WaitingThread& thread) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void Unpark(WaitingThread& thread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // If there is no reader, makes a parked thread look, which then becomes the
  // reader. False if none is parked.
  bool PassReading(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Makes the thread check whether something has happened to its call.
  void Wake(WaitingThread& thread, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Makes the reader look at the socket again.
  void WakeReader();

 private:
  explicit WaitingThreads(Wakeup wakeup) : wakeup_(std::move(wakeup)) {}

  Wakeup wakeup_;
  std::atomic<bool> wakeup_pending_{false};
  // The reader sets this and then reads wakeup_pending_; a thread that wakes it
  // does both in the reverse order (both are sequentially consistent). So
  // either the reader does not sleep, or it is woken. It may be woken when it
  // is awake already, and its next sleep then ends early. Only the first waker
  // does anything: a reader that looks afterwards resets wakeup_pending_ under
  // the lock.
  std::atomic<bool> reader_sleeps_{false};
  std::atomic<bool> others_wait_{false};
  WaitingThread* reader_ ABSL_GUARDED_BY(channel_mutex) = nullptr;
  std::vector<WaitingThread*> parked_ ABSL_GUARDED_BY(channel_mutex);
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_WAITING_THREADS_H_
