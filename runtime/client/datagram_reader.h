#ifndef FDRPC_CLIENT_DATAGRAM_READER_H_
#define FDRPC_CLIENT_DATAGRAM_READER_H_

#include <memory>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "client/channel_account.h"
#include "client/channel_lock.h"
#include "client/waiting_threads.h"
#include "os/ancillary.h"
#include "os/busy_poll.h"
#include "os/datagram_socket.h"

namespace fdrpc {

// Reads a DatagramChannel's socket: in one of the threads that wait, for all of
// them, or in the loop, as ConnectionReader does with a connection. Knows
// nothing of what it reads, nor of the loop.
class DatagramReader {
 public:
  class Handler {
   public:
    // A datagram has arrived. `cut_off`: it was longer.
    virtual void OnDatagram(std::string_view bytes, bool cut_off,
                            ReceivedDescriptors& set)
        ABSL_LOCKS_EXCLUDED(channel_mutex) = 0;

   protected:
    ~Handler() = default;
  };
  // What a thread that reads also waits for, until there is room to send.
  struct Room {
    bool own = false;  // in the socket's own buffer
    int fd = -1;       // or until this polls as writable
    bool wanted() const { return own || fd >= 0; }
  };

  // Borrows all but the threads.
  DatagramReader(const DatagramSocket& socket, WaitingThreads threads,
                 const ChannelAccount& account, ChannelMutex& mutex,
                 const Clock& clock, absl::Duration max_busy_poll,
                 Handler& handler);

  // As in ConnectionReader. False if another thread or the loop reads, and this
  // one was only parked.
  bool WaitOnce(WaitingThread& thread, Room room, MonotonicTime deadline,
                ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // For a thread that does not wait any more: another one reads. True if there
  // is none, and the loop must look, because it has left something to a thread.
  bool EndWait(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Reads what has arrived while nobody read. Only if !there_is_reader().
  // Releases the lock meanwhile. Returns the same as EndWait().
  bool ReadArrived(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  bool there_is_reader() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return threads_.has_reader() || loop_reads_;
  }
  // Makes the thread that reads look at what it waits for.
  void WakeReader() { threads_.WakeReader(); }

  // For the loop, when something may have arrived, unless a thread reads. True
  // if the loop must look again, because there may be more.
  bool ReadInLoop() ABSL_LOCKS_EXCLUDED(channel_mutex);

 private:
  // For the reader, without the lock.
  //
  // Takes a datagram; false if there is none.
  bool Read() ABSL_LOCKS_EXCLUDED(channel_mutex);
  bool PollAndRead(const BusyPoll::Wait& wait, MonotonicTime deadline)
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void SleepAndRead(Room room, MonotonicTime deadline)
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  const DatagramSocket& socket_;
  const ChannelAccount& account_;
  ChannelMutex& mutex_;
  const Clock& clock_;
  Handler& handler_;
  WaitingThreads threads_;
  bool loop_reads_ ABSL_GUARDED_BY(channel_mutex) = false;
  // The loop was told of something while a thread read.
  bool loop_missed_ ABSL_GUARDED_BY(channel_mutex) = false;
  // The reader's.
  std::unique_ptr<char[]> buffer_;
  BusyPoll busy_poll_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_DATAGRAM_READER_H_
