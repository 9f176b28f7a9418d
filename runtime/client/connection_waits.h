#ifndef FDRPC_CLIENT_CONNECTION_WAITS_H_
#define FDRPC_CLIENT_CONNECTION_WAITS_H_

#include <list>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "client/channel_lock.h"
#include "client/waiting_threads.h"

namespace fdrpc {

// The waiters for a channel's connection, and the time of the next attempt to
// make one: one attempt at a time, for all that wait, with growing pauses. When
// it is due, one of the waiters makes it and, if it succeeds, goes ahead on the
// connection. The others follow after the server's hello, so that not all of
// them try a server that accepts connections only to end them. Makes no attempt
// itself, and reads no clock. Guarded by the channel's lock.
class ConnectionWaits {
 public:
  // Between two attempts. An attempt costs some microseconds, and a new server
  // is to be noticed soon.
  static constexpr absl::Duration kLongestPause = absl::Milliseconds(20);

  // A thread, or an object that a loop calls when it is its turn.
  class Waiter {
   public:
    // `patient`: waits for a server that does not exist yet. Others wait only
    // while the server is too busy to accept a connection.
    explicit Waiter(bool patient, WaitingThread* thread = nullptr)
        : patient_(patient), thread_(thread) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    virtual ~Waiter() = default;

    bool waits() const { return waits_; }
    // Makes the attempt; it does not wait any more.
    virtual void OnTurn(ChannelLock& /*lock*/)
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {}

   private:
    friend class ConnectionWaits;
    const bool patient_;
    WaitingThread* const thread_;
    bool waits_ = false;
    std::list<Waiter*>::iterator place_;
  };

  // Borrows it until Leave() or its turn. Threads stay until they leave.
  void Enter(Waiter& waiter);
  // Does nothing if it does not wait. Another thread then makes the attempts.
  void Leave(Waiter& waiter, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // The result of an attempt, whoever made it.
  void OnNotConnected(MonotonicTime now, bool busy, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void OnConnected(MonotonicTime now, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // There is nothing more to wait for: the server's hello has arrived, or the
  // attempt failed as others would. All may try at once.
  void AdmitAll(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Whether somebody will make an attempt, but not yet.
  bool Pauses(MonotonicTime now) const {
    return now < next_ && !(threads_.empty() && calls_.empty());
  }
  // When it is this thread's turn, as far as is known.
  MonotonicTime TurnOf(const Waiter& waiter) const;
  // When it is the turn of the next waiter that is not a thread.
  MonotonicTime next_turn() const;
  // Removes and returns that one; null if its time has not come.
  Waiter* TakeNext(MonotonicTime now);

 private:
  std::list<Waiter*>& ListOf(const Waiter& waiter);
  // Whether it may try at any time.
  bool MayTry(const Waiter& waiter) const { return !waiter.patient_ && !busy_; }
  void Pause(MonotonicTime now);
  void WakeThreads(ChannelLock& lock, bool patient_ones)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  MonotonicTime next_;          // when the next attempt is due
  absl::Duration pause_;        // the length of the last one
  bool busy_ = false;           // the last attempt failed for that reason
  std::list<Waiter*> threads_;  // the first one makes the attempts
  std::list<Waiter*> calls_;
  std::list<Waiter*> impatient_calls_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CONNECTION_WAITS_H_
