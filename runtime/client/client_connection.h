#ifndef FDRPC_CLIENT_CLIENT_CONNECTION_H_
#define FDRPC_CLIENT_CLIENT_CONNECTION_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/channel_lock.h"
#include "client/connectivity.h"
#include "client/keep_alive.h"
#include "client/pending_call.h"
#include "client/waiting_threads.h"
#include "connection/connection.h"
#include "loop/loop_core.h"
#include "os/busy_poll.h"
#include "transport/transport.h"

namespace fdrpc {

// The client's end of one connection: its calls, from when they wait to be sent
// until they have ended. Owns no thread: of the threads that wait for calls one
// reads, for all of them; for calls that are not waited for by a thread, a loop
// does.
class ClientConnection final
    : public LoopCore::Source,
      private Connection::Role,
      public std::enable_shared_from_this<ClientConnection> {
 public:
  static absl::StatusOr<std::shared_ptr<ClientConnection>> Create(
      std::unique_ptr<Transport> transport, const Hello& hello,
      const Connection::QueueLimits& limits, const KeepAlive& keep_alive,
      absl::Duration max_busy_poll, const Clock& clock,
      std::shared_ptr<Connectivity> connectivity);
  ~ClientConnection() override;

  // The channel's.
  ChannelMutex& mutex() const { return mutex_; }

  // Whether new calls can be made on it.
  bool usable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return usable_;
  }

  // Whether the server has said hello.
  bool has_hello() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return server_.has_value();
  }

  // Sends the call's beginning, once it is its turn: calls that exceed what the
  // server takes at once wait; one-way calls, which end when they are written,
  // only for room. This and all that follows has what it queues written once
  // the lock is released.
  void Begin(PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Takes over a message of that size past the call's outbox, which has room.
  // False if it cannot go at once; else the caller has it written, or waits for
  // more (Linger()).
  bool SendAtOnce(PendingCall& call, OutgoingFrames& frames, size_t bytes,
                  size_t descriptors, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Sends what stands in the call's outbox, and the half-close, if it can.
  void SendWaiting(PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void Grant(PendingCall& call, Credit credit, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Ends a call from this side. The server hears of it if it has seen it.
  void Abandon(PendingCall& call, absl::Status why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Writes what is queued; on the loop's thread at the end of its batch.
  void Flush() ABSL_LOCKS_EXCLUDED(channel_mutex);
  // The same once the lock is released.
  void FlushLater(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    if (!lock.flushes(this)) lock.FlushLater(shared_from_this());
  }

  // Blocks the thread until its call may have got on, the connection has
  // ended, or `deadline`; the lock is given up meanwhile.
  void WaitOnce(WaitingThread& thread, MonotonicTime deadline,
                ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether what is queued waits for room, and only a thread that waits will
  // write it: no loop does.
  bool has_unwritten() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return write_blocked() && connection_.sends() && loop_ == nullptr;
  }
  bool write_blocked() const { return connection_.write_blocked(); }
  // Has what is queued wait for more, unless that is much; true if it does.
  bool Linger();
  bool lingers() const { return lingers_.load(std::memory_order_relaxed); }
  // Whether any thread waits here.
  bool has_waiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return !threads_.empty();
  }
  // For a thread that waits, to be woken when all has been written, too.
  void AddWriter(WaitingThread& thread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    writers_.push_back(&thread);
  }
  void RemoveWriter(WaitingThread& thread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    std::erase(writers_, &thread);
  }
  // For a thread that waits no more: another one reads.
  void EndWait(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Blocks until new calls can be made on it, and the server has said hello;
  // false if it has ended instead, or `deadline` has passed. Looks at the
  // socket in any case.
  bool AwaitReady(MonotonicTime deadline) ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Takes in what has arrived while nobody read, for want of calls: that the
  // server is going, perhaps.
  void ReadWhatCame(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // For a thread that sends and waits for nothing: takes in what has arrived,
  // which may be the end of its call. Only if ReadsForSenders(): no other
  // thread reads, and the last time was a few milliseconds ago, or the server
  // takes nothing more. `now`: the clock's CoarseNow().
  bool ReadsForSenders(MonotonicTime now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return (now - read_for_sender_at_ >= kReadForSenders || !sends()) &&
           !threads_.has_reader() && !loop_reads_;
  }
  void ReadForSenders(MonotonicTime now, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether what is sent can still arrive, as far as is known.
  bool sends() const { return connection_.sends(); }

  // Has `loop` read whenever no thread does, from now on.
  absl::Status ReadWith(std::shared_ptr<LoopCore> loop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

 private:
  ClientConnection(std::unique_ptr<Transport> transport, const Hello& hello,
                   const Connection::QueueLimits& limits,
                   const KeepAlive& keep_alive, absl::Duration max_busy_poll,
                   const Clock& clock, WaitingThreads threads,
                   std::shared_ptr<Connectivity> connectivity);

  // Connection::Role.
  void OnHello(const Hello& hello) override ABSL_LOCKS_EXCLUDED(channel_mutex);
  absl::Status OnFrame(IncomingFrame& frame) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnPong(uint32_t) override {}
  void OnUnsent(OutgoingFrame frame, const absl::Status& why) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnSent(uint32_t call_id) override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnSendingEnded(const absl::Status& why) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnWriteBlockedChanged() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnRoom() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnClosed(const absl::Status& why) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // LoopCore::Source.
  void OnReady(Poller::Event event) override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnWake() override { OnReady({.readable = true, .writable = true}); }
  void OnBatchEnd() override;

  // Before this thread sleeps: writes what Flush() put off, on a loop's thread.
  void FlushPutOff();
  // The reader's sleep, and what it then takes in; false if that is nothing.
  // Without the lock: of threads_ it uses what is the reader's alone.
  bool SleepAndRead(MonotonicTime deadline) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  // The same without sleeping, for as long as that is sensible.
  bool PollAndRead(const BusyPoll::Wait& wait,
                   MonotonicTime deadline) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  // The reader's: takes in what has arrived, and notes that something has.
  bool Read();

  // The reader's: queues a ping, or says that the server is to be given up, if
  // it has been silent for that long.
  KeepAlive::Action LookAtServer(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void GiveUp() ABSL_LOCKS_EXCLUDED(channel_mutex);
  // Has the loop, if there is one, come back to look.
  void PlanLook() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  bool has_calls() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return !calls_.empty() || !waiting_.empty() || !waiting_large_.empty() ||
           !waiting_one_way_.empty();
  }

  // Where a call waits for its turn.
  std::deque<PendingCall*>& QueueOf(const PendingCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    if (call.method.one_way) return waiting_one_way_;
    return call.open.size() > 1 ? waiting_large_ : waiting_;
  }
  // Sends calls that wait for their turn, as far as the limits allow.
  void Admit(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void Admit(std::deque<PendingCall*>& queue, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Why a request of that size can't be sent to this server; OK if it can.
  absl::Status CheckLimits(size_t bytes, size_t descriptors) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  bool MustWait(const PendingCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void SendOpen(PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether calls of the method can be sent: it has an id, or can get one.
  bool CanName(const Method& method) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  uint32_t MethodId(const Method& method)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Takes the call out of the tables and ends it.
  void Finish(PendingCall& call, absl::Status status, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The same for a call that the server has not seen, if `unseen`: it is made
  // again, unless too often.
  void FinishUnseen(PendingCall& call, bool unseen, const absl::Status& why,
                    ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The same for a call of which nothing was sent, or all was taken back; what
  // is not made again waits for the server's reason while one may come.
  void EndUnsent(PendingCall& call, const absl::Status& why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether the server, which takes nothing more, may have said why, and it is
  // still to be read.
  bool MaySayWhy() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return !connection_.sends() && !connection_.closed() && go_away_.ok();
  }
  // Ends the calls that the server does not take, now that it has said so.
  void EndUntaken(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The next frame of those of a call that were not sent: with its last one the
  // call has been taken back whole.
  void EnqueueMessage(PendingCall& call, OutgoingFrames& frames,
                      ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void TakeBack(PendingCall& call, OutgoingFrame frame,
                const FrameHeader& header, const absl::Status& why,
                ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void Remove(PendingCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Those that were sent. To go through while calls end.
  std::vector<PendingCall*> AllCalls() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // What is to be told of a connection's end: with what the server said before.
  absl::Status WithReason(const absl::Status& why) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void RefuseNewCalls(const absl::Status& why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  absl::Status OnGoAway(uint32_t last_call_id, std::string_view reason,
                        ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  absl::Status OnCallFrame(PendingCall& call, IncomingFrame& frame,
                           ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  absl::Status OnHeadersFrame(PendingCall& call, IncomingFrame& frame,
                              ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  absl::Status OnMessageFrame(PendingCall& call, IncomingFrame& frame,
                              ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  absl::Status OnStatusFrame(PendingCall& call, IncomingFrame& frame,
                             ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  absl::Status OnCreditFrame(PendingCall& call, const IncomingFrame& frame,
                             ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  const Clock& clock_;
  const std::shared_ptr<Connectivity> connectivity_;
  ChannelMutex& mutex_;

  WaitingThreads threads_ ABSL_GUARDED_BY(channel_mutex);
  std::vector<WaitingThread*> writers_ ABSL_GUARDED_BY(channel_mutex);
  bool usable_ ABSL_GUARDED_BY(channel_mutex) = true;
  KeepAlive keep_alive_ ABSL_GUARDED_BY(channel_mutex);
  bool heard_ = false;  // since the last look; the reader's
  // How often a thread that only sends looks whether something has arrived. The
  // clock that it reads for that is no finer on most machines (4 ms at 250 Hz).
  static constexpr std::chrono::milliseconds kReadForSenders{2};
  MonotonicTime read_for_sender_at_ ABSL_GUARDED_BY(channel_mutex);
  BusyPoll busy_poll_;  // the reader's
  BusyPoll parked_poll_
      ABSL_GUARDED_BY(channel_mutex);  // of those that wait for it
  absl::Status go_away_
      ABSL_GUARDED_BY(channel_mutex);  // its reason, once it came
  // All frames that were not sent have come back.
  bool sending_ended_ ABSL_GUARDED_BY(channel_mutex) = false;
  // Ended by this side, for want of a sign of life.
  bool given_up_ ABSL_GUARDED_BY(channel_mutex) = false;
  std::optional<Hello> server_ ABSL_GUARDED_BY(channel_mutex);
  // 64 bits, so that it can stand behind the last id.
  uint64_t next_id_ ABSL_GUARDED_BY(channel_mutex) = 1;
  // Those that were sent and have not ended.
  absl::flat_hash_map<uint32_t, PendingCall*> calls_
      ABSL_GUARDED_BY(channel_mutex);
  size_t one_way_calls_ ABSL_GUARDED_BY(channel_mutex) = 0;  // of them
  // The one-way call, of them, whose request is more than a frame. Others wait
  // until it has gone, so that they arrive in order.
  uint32_t large_one_way_ ABSL_GUARDED_BY(channel_mutex) = 0;
  // Of which the server has said that it is the last one that it takes.
  uint32_t last_taken_id_ ABSL_GUARDED_BY(channel_mutex) = kLastCallId;
  std::deque<PendingCall*> waiting_ ABSL_GUARDED_BY(channel_mutex);
  // Those whose requests are more than a frame, which wait for other room.
  std::deque<PendingCall*> waiting_large_ ABSL_GUARDED_BY(channel_mutex);
  // Apart, since the number of calls at once does not hold these back.
  std::deque<PendingCall*> waiting_one_way_ ABSL_GUARDED_BY(channel_mutex);
  // Those whose messages wait for room in the queue.
  std::vector<PendingCall*> without_room_ ABSL_GUARDED_BY(channel_mutex);
  // By their names: the constant of a method goes with the library that has it,
  // and another may come to its address.
  absl::flat_hash_map<std::string, uint32_t> method_ids_
      ABSL_GUARDED_BY(channel_mutex);
  // Of the last call, whose method most calls have.
  std::string last_named_ ABSL_GUARDED_BY(channel_mutex);
  uint32_t last_method_id_ ABSL_GUARDED_BY(channel_mutex) = 0;

  std::shared_ptr<LoopCore> loop_ ABSL_GUARDED_BY(channel_mutex);
  uint64_t loop_token_ ABSL_GUARDED_BY(channel_mutex) = 0;
  // The loop reads at the moment; or was told something while a thread read.
  bool loop_reads_ ABSL_GUARDED_BY(channel_mutex) = false;
  bool loop_missed_ ABSL_GUARDED_BY(channel_mutex) = false;
  // When the loop is to look at the server, at the latest.
  LoopCore::Timer look_timer_;
  std::atomic<LoopCore*> batching_loop_{nullptr};
  bool in_batch_ = false;  // the loop's thread's
  std::atomic<bool> lingers_{false};

  Connection connection_;  // last: it uses this object until it is gone
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CLIENT_CONNECTION_H_
