#ifndef FDRPC_CLIENT_BATCHED_WRITER_H_
#define FDRPC_CLIENT_BATCHED_WRITER_H_

#include <atomic>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "client/channel_lock.h"
#include "connection/connection.h"
#include "loop/loop_core.h"

namespace fdrpc {

// Decides when a connection writes what is queued: at once; or, on the thread
// of the connection's loop, at the end of the loop's batch, together with
// everything else that the batch queues; or, for frames that linger, at the
// latest before the thread sleeps. Does not own the connection.
class BatchedWriter final : public LoopCore::Source {
 public:
  // Borrows `connection`.
  explicit BatchedWriter(Connection& connection) : connection_(connection) {}

  // Called once, before this object is used. `self`: this object, as its owner
  // keeps it.
  void SetSelf(std::weak_ptr<BatchedWriter> self) { self_ = std::move(self); }
  // From now on `loop`, which must outlive this object, reads the connection.
  void BatchWith(LoopCore& loop) {
    loop_.store(&loop, std::memory_order_release);
  }

  // ---- any thread

  void Flush();
  // The same once the lock is released.
  void FlushLater(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    if (!lock.flushes(this)) lock.FlushLater(self_.lock());
  }
  // Called before this thread sleeps: writes what was deferred.
  void FlushDeferred();

  // Makes what is queued wait for more, unless it is much; true if it waits.
  bool Linger();
  bool lingers() const { return lingers_.load(std::memory_order_relaxed); }

 private:
  // Implementation of LoopCore::Source.
  void OnBatchEnd() override;

  // The connection's loop, if this is its thread; otherwise null.
  LoopCore* LoopOfThisThread() const;

  Connection& connection_;
  std::weak_ptr<BatchedWriter> self_;
  std::atomic<LoopCore*> loop_{nullptr};
  bool in_batch_ = false;  // the loop's thread's
  std::atomic<bool> lingers_{false};
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_BATCHED_WRITER_H_
