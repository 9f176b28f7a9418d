#ifndef FDRPC_CLIENT_CONNECTION_READER_H_
#define FDRPC_CLIENT_CONNECTION_READER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "client/batched_writer.h"
#include "client/channel_account.h"
#include "client/channel_lock.h"
#include "client/keep_alive.h"
#include "client/pending_calls.h"
#include "client/waiting_threads.h"
#include "connection/connection.h"
#include "loop/loop_core.h"
#include "os/busy_poll.h"

namespace fdrpc {

// Reads a connection: one of the threads that wait for its calls reads for all
// of them, or otherwise a loop, if there is one. Has no thread of its own. The
// thread that reads also pings a silent server, and ends the connection if the
// server does not answer.
class ConnectionReader final : public LoopCore::Source {
 public:
  // Borrows all of them. `calls` tells whether anything is expected from the
  // server.
  ConnectionReader(Connection& connection, BatchedWriter& writer,
                   const PendingCalls& calls, const ChannelAccount& account,
                   ChannelMutex& mutex, const Clock& clock,
                   WaitingThreads threads, const KeepAlive& keep_alive,
                   absl::Duration max_busy_poll);
  ~ConnectionReader() override;

  // Called once, before this object is used. `self`: this object, as its owner
  // keeps it.
  void SetSelf(std::weak_ptr<ConnectionReader> self) {
    self_ = std::move(self);
  }

  // ---- for threads that wait

  // Blocks the thread until something may have happened to its call, the
  // connection has ended, or `deadline`. Releases the lock meanwhile.
  void WaitOnce(WaitingThread& thread, MonotonicTime deadline,
                ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // For a thread that does not wait any more: another one reads.
  void EndWait(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether any thread waits here.
  bool has_waiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return !threads_.empty();
  }
  // Blocks the thread while HasUnwritten(), and until the time that `look`
  // returns. `look` gets the present time, and is called before each wait: when
  // the thread was woken, there may be another reason to wait no longer.
  // Releases the lock meanwhile.
  void AwaitWritten(WaitingThread& thread,
                    absl::FunctionRef<MonotonicTime(MonotonicTime now)> look,
                    ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether what is queued waits for room, and only a waiting thread will write
  // it, because there is no loop.
  bool HasUnwritten() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return connection_.write_blocked() && connection_.sends() &&
           loop_ == nullptr;
  }

  // ---- for threads that do not wait

  // Receives what has arrived while nobody read because there were no calls:
  // the server may be going.
  void ReadArrived(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // For a thread that sends: reads what has arrived, which may be the end of
  // its call. Only if ReadsForSenders(): no other thread reads, and the last
  // read was a few milliseconds ago, or the server accepts nothing more. `now`:
  // the clock's CoarseNow().
  bool ReadsForSenders(MonotonicTime now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return (now - read_for_sender_at_ >= kReadForSenders ||
            !connection_.sends()) &&
           !threads_.has_reader() && !loop_reads_;
  }
  void ReadForSenders(MonotonicTime now, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether so much was sent since the last read that the connection may be
  // busy, which a read finds out. If no other thread reads.
  bool has_sent_much() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return connection_.transfers() - counted_transfers_ >= kTransfersOfBusy;
  }

  // ---- for the connection

  // From now on, `loop` reads whenever no thread does.
  absl::Status ReadWith(std::shared_ptr<LoopCore> loop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // There is another call: the loop, if there is one, is to check the server
  // again.
  void PlanLook() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Writing has begun or ceased to wait for room.
  void OnWriteBlockedChanged(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether it has ended the connection because the server did not answer.
  bool gave_up() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return keep_alive_.gave_up();
  }

 private:
  // Implementation of LoopCore::Source.
  std::optional<size_t> OnReady(Poller::Event event) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnWake() override { OnReady({.readable = true, .writable = true}); }

  // For the loop: what has arrived in memory.
  bool MayBeReady() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  bool PrepareToSleep() override ABSL_LOCKS_EXCLUDED(channel_mutex);

  // For the reader, without the lock.
  //
  // Sleeps, and then reads; false if nothing arrived.
  bool SleepAndRead(MonotonicTime deadline) ABSL_LOCKS_EXCLUDED(channel_mutex);
  // Reads what the thread has waited for.
  bool ReadAwaited(const BusyPoll::Wait& wait)
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  // The same without sleeping, for as long as polling makes sense.
  bool PollAndRead(const BusyPoll::Wait& wait, MonotonicTime deadline)
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  // Reads what has arrived, and remembers that something has. Ends the
  // connection if too much of it waits to be closed.
  bool Read() ABSL_LOCKS_EXCLUDED(channel_mutex);
  // Tells the connection if it is busy.
  void CountTransfers();
  // Before nobody but the loop reads: has it look again if that is necessary.
  void LeaveToLoop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Ends the connection.
  void GiveUp() ABSL_LOCKS_EXCLUDED(channel_mutex);

  // The reader queues a ping, or says that the server is to be given up, if it
  // has been silent for too long.
  KeepAlive::Action CheckServer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // How often a thread that only sends checks whether something has arrived.
  // The clock that it reads for that is no finer on most machines (4 ms at 250
  // Hz).
  static constexpr std::chrono::milliseconds kReadForSenders{2};
  // A connection is busy when it is read and written so often within that time,
  // which is a call in 80 µs: not when each call waits for a thread that
  // sleeps, nor when many messages go together, with few system calls.
  static constexpr size_t kTransfersOfBusy = 512;
  static constexpr std::chrono::milliseconds kTimeOfBusy{20};

  Connection& connection_;
  BatchedWriter& writer_;
  const PendingCalls& calls_ ABSL_GUARDED_BY(channel_mutex);
  const ChannelAccount& account_;
  ChannelMutex& mutex_;
  const Clock& clock_;
  std::weak_ptr<ConnectionReader> self_;

  WaitingThreads threads_;
  // Those in AwaitWritten().
  std::vector<WaitingThread*> writers_ ABSL_GUARDED_BY(channel_mutex);
  KeepAlive keep_alive_ ABSL_GUARDED_BY(channel_mutex);
  bool heard_ = false;  // since the last look; the reader's
  MonotonicTime read_for_sender_at_ ABSL_GUARDED_BY(channel_mutex);
  BusyPoll busy_poll_;  // the reader's, like the next two
  // How many transfers there had been at that time.
  size_t counted_transfers_ = 0;
  MonotonicTime counted_at_;
  // For the threads that wait for the reader.
  BusyPoll parked_poll_ ABSL_GUARDED_BY(channel_mutex);

  std::shared_ptr<LoopCore> loop_ ABSL_GUARDED_BY(channel_mutex);
  uint64_t loop_token_ ABSL_GUARDED_BY(channel_mutex) = 0;
  // The loop is reading; or it was notified while a thread was reading.
  bool loop_reads_ ABSL_GUARDED_BY(channel_mutex) = false;
  bool loop_missed_ ABSL_GUARDED_BY(channel_mutex) = false;
  // When the loop has to look at the server, at the latest.
  LoopCore::Timer look_timer_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CONNECTION_READER_H_
