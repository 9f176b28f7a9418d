#ifndef FDRPC_CLIENT_CONNECTION_READER_H_
#define FDRPC_CLIENT_CONNECTION_READER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "client/batched_writer.h"
#include "client/channel_lock.h"
#include "client/keep_alive.h"
#include "client/pending_calls.h"
#include "client/waiting_threads.h"
#include "connection/connection.h"
#include "loop/loop_core.h"
#include "os/busy_poll.h"

namespace fdrpc {

// Who reads a connection, and how they wait for what comes: one of the threads
// that wait for its calls, for all of them; else a loop, if it was given one.
// Has no thread of its own. Whoever reads also asks a silent server whether it
// lives, and ends the connection if it does not.
class ConnectionReader final : public LoopCore::Source {
 public:
  // Borrows them; `calls` says whether anything is expected of the server.
  ConnectionReader(Connection& connection, BatchedWriter& writer,
                   const PendingCalls& calls, ChannelMutex& mutex,
                   const Clock& clock, WaitingThreads threads,
                   const KeepAlive& keep_alive, absl::Duration max_busy_poll);
  ~ConnectionReader() override;

  // Once, before it is used: itself, as its owner keeps it.
  void SetSelf(std::weak_ptr<ConnectionReader> self) {
    self_ = std::move(self);
  }

  // ---- for threads that wait

  // Blocks the thread until its call may have got on, the connection has
  // ended, or `deadline`; the lock is given up meanwhile.
  void WaitOnce(WaitingThread& thread, MonotonicTime deadline,
                ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // For a thread that waits no more: another one reads.
  void EndWait(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether any thread waits here.
  bool has_waiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return !threads_.empty();
  }
  // Has the thread woken when all has been written, too.
  void AddWriter(WaitingThread& thread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    writers_.push_back(&thread);
  }
  void RemoveWriter(WaitingThread& thread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    std::erase(writers_, &thread);
  }
  // Whether what is queued waits for room, and only a thread that waits will
  // write it: no loop does.
  bool HasUnwritten() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return connection_.write_blocked() && connection_.sends() &&
           loop_ == nullptr;
  }

  // ---- for threads that wait for nothing

  // Takes in what has arrived while nobody read, for want of calls: that the
  // server is going, perhaps.
  void ReadWhatCame(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // For one that sends: takes in what has arrived, which may be the end of its
  // call. Only if ReadsForSenders(): no other thread reads, and the last time
  // was a few milliseconds ago, or the server takes nothing more. `now`:
  // the clock's CoarseNow().
  bool ReadsForSenders(MonotonicTime now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return (now - read_for_sender_at_ >= kReadForSenders ||
            !connection_.sends()) &&
           !threads_.has_reader() && !loop_reads_;
  }
  void ReadForSenders(MonotonicTime now, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // ---- for the connection

  // Has `loop` read whenever no thread does, from now on.
  absl::Status ReadWith(std::shared_ptr<LoopCore> loop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // There is another call: has the loop, if there is one, come back to look at
  // the server.
  void PlanLook() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Writing waits for room, or no longer does.
  void OnWriteBlockedChanged(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether it has ended the connection, for want of a sign of life.
  bool gave_up() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return keep_alive_.gave_up();
  }

 private:
  // LoopCore::Source.
  void OnReady(Poller::Event event) override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnWake() override { OnReady({.readable = true, .writable = true}); }

  // The reader's, without the lock.
  //
  // Its sleep, and what it then takes in; false if that is nothing.
  bool SleepAndRead(MonotonicTime deadline) ABSL_LOCKS_EXCLUDED(channel_mutex);
  // The same without sleeping, for as long as that is sensible.
  bool PollAndRead(const BusyPoll::Wait& wait, MonotonicTime deadline)
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  // Takes in what has arrived, and notes that something has.
  bool Read() ABSL_LOCKS_EXCLUDED(channel_mutex);
  // Ends the connection.
  void GiveUp() ABSL_LOCKS_EXCLUDED(channel_mutex);

  // The reader's: queues a ping, or says that the server is to be given up, if
  // it has been silent for that long.
  KeepAlive::Action LookAtServer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // How often a thread that only sends looks whether something has arrived. The
  // clock that it reads for that is no finer on most machines (4 ms at 250 Hz).
  static constexpr std::chrono::milliseconds kReadForSenders{2};

  Connection& connection_;
  BatchedWriter& writer_;
  const PendingCalls& calls_ ABSL_GUARDED_BY(channel_mutex);
  ChannelMutex& mutex_;
  const Clock& clock_;
  std::weak_ptr<ConnectionReader> self_;

  WaitingThreads threads_;
  std::vector<WaitingThread*> writers_ ABSL_GUARDED_BY(channel_mutex);
  KeepAlive keep_alive_ ABSL_GUARDED_BY(channel_mutex);
  bool heard_ = false;  // since the last look; the reader's
  MonotonicTime read_for_sender_at_ ABSL_GUARDED_BY(channel_mutex);
  BusyPoll busy_poll_;  // the reader's
  // Of those that wait for it.
  BusyPoll parked_poll_ ABSL_GUARDED_BY(channel_mutex);

  std::shared_ptr<LoopCore> loop_ ABSL_GUARDED_BY(channel_mutex);
  uint64_t loop_token_ ABSL_GUARDED_BY(channel_mutex) = 0;
  // The loop reads at the moment; or was told something while a thread read.
  bool loop_reads_ ABSL_GUARDED_BY(channel_mutex) = false;
  bool loop_missed_ ABSL_GUARDED_BY(channel_mutex) = false;
  // When the loop is to look at the server, at the latest.
  LoopCore::Timer look_timer_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CONNECTION_READER_H_
