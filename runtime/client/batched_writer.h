#ifndef FDRPC_CLIENT_BATCHED_WRITER_H_
#define FDRPC_CLIENT_BATCHED_WRITER_H_

#include <atomic>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "client/channel_lock.h"
#include "connection/connection.h"
#include "loop/loop_core.h"

namespace fdrpc {

// When what a connection has queued is written: at once; or, on the thread of
// the connection's loop, at the end of the loop's batch, with all else that the
// batch queues; or, if it lingers, before the thread sleeps at the latest.
class BatchedWriter final : public LoopCore::Source {
 public:
  // Borrows it.
  explicit BatchedWriter(Connection& connection) : connection_(connection) {}

  // Once, before it is used: itself, as its owner keeps it.
  void SetSelf(std::weak_ptr<BatchedWriter> self) { self_ = std::move(self); }
  // From now on `loop` reads the connection; it outlives this object.
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
  // Before this thread sleeps: writes what was put off.
  void FlushPutOff();

  // Has what is queued wait for more, unless that is much; true if it does.
  bool Linger();
  bool lingers() const { return lingers_.load(std::memory_order_relaxed); }

 private:
  // LoopCore::Source.
  void OnBatchEnd() override;

  // The connection's loop, if this is its thread; or null.
  LoopCore* LoopOfThisThread() const;

  Connection& connection_;
  std::weak_ptr<BatchedWriter> self_;
  std::atomic<LoopCore*> loop_{nullptr};
  bool in_batch_ = false;  // the loop's thread's
  std::atomic<bool> lingers_{false};
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_BATCHED_WRITER_H_
