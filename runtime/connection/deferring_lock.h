#ifndef FDRPC_CONNECTION_DEFERRING_LOCK_H_
#define FDRPC_CONNECTION_DEFERRING_LOCK_H_

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "base/mutex.h"
#include "call/message_assembler.h"
#include "connection/frame_builder.h"
#include "os/background_close.h"

namespace fdrpc {

// Holds a mutex for a scope, and collects what must not be done while it is
// held: waking threads, writing what was queued, dropping what may block when
// it is closed. Does that once the mutex is released, in this order: others go
// on first, and what is dropped keeps nobody waiting.
//
// A function that takes a reference to one is called with the mutex held. Only
// locking makes one, so no caller can promise that by mistake.
//
// `Side` is the client's or the server's:
//   Thread: a thread that is to be woken, by its Wake().
//   Connection: points to what is to be flushed, by its Flush().
//   kClosesInBackground: whether what is dropped may come from the peer, so
//     that BackgroundCloseScope takes its descriptors.
template <typename Side>
class ABSL_SCOPED_LOCKABLE DeferringLock {
 public:
  using Thread = typename Side::Thread;
  using Connection = typename Side::Connection;

  explicit DeferringLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~DeferringLock() ABSL_UNLOCK_FUNCTION() {
    if (held_) Unlock();
  }
  DeferringLock(const DeferringLock&) = delete;
  DeferringLock& operator=(const DeferringLock&) = delete;

  // Whether it holds that mutex.
  bool Holds(const Mutex& mutex) const { return held_ && &mutex == &mutex_; }

  // Whether anything is to be done on release.
  bool has_deferred() const { return deferred_.has_value(); }

  // While it is held: to be done on release.
  void WakeLater(Thread thread) {
    deferred().threads.push_back(std::move(thread));
  }
  // Once, however often in a row it is asked for.
  void FlushLater(Connection connection) {
    if (flushes(std::to_address(connection))) return;
    deferred().connections.push_back(std::move(connection));
  }
  bool flushes(const void* connection) const {
    return deferred_.has_value() && !deferred_->connections.empty() &&
           std::to_address(deferred_->connections.back()) == connection;
  }
  // Leaves no frames.
  void DropLater(OutgoingFrames&& frames) {
    if (frames.empty()) return;
    deferred().frames.push_back(std::move(frames));
    frames.clear();
  }
  void DropLater(std::vector<ReceivedMessage> messages) {
    if (!messages.empty()) deferred().messages.push_back(std::move(messages));
  }
  // Of something of which this may be the last owner.
  void DropLater(std::shared_ptr<const void> object) {
    if (object != nullptr) deferred().objects.push_back(std::move(object));
  }

 protected:
  // For a wait. Connections to be flushed stay until it is taken again, or
  // destroyed.
  void Unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    held_ = false;
    mutex_.Unlock();
    if (deferred_.has_value()) DoDeferred();
  }
  void Relock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    deferred_.reset();
    mutex_.Lock();
    held_ = true;
  }

 private:
  struct Deferred {
    absl::InlinedVector<Thread, 4> threads;
    absl::InlinedVector<Connection, 1> connections;
    std::vector<std::vector<ReceivedMessage>> messages;
    std::vector<OutgoingFrames> frames;
    std::vector<std::shared_ptr<const void>> objects;
  };

  Deferred& deferred() {
    return deferred_.has_value() ? *deferred_ : deferred_.emplace();
  }
  void DoDeferred();

  Mutex& mutex_;
  bool held_ = true;
  // Nothing to make or destroy for the many that defer nothing.
  std::optional<Deferred> deferred_;
};

template <typename Side>
void DeferringLock<Side>::DoDeferred() {
  for (Thread& thread : deferred_->threads) thread.Wake();
  deferred_->threads.clear();
  for (Connection& connection : deferred_->connections) connection->Flush();
  std::optional<BackgroundCloseScope> closes;
  if constexpr (Side::kClosesInBackground) closes.emplace();
  deferred_->frames.clear();
  deferred_->messages.clear();
  deferred_->objects.clear();
}

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_DEFERRING_LOCK_H_
