#include "client/datagram_reader.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <utility>

#include "os/background_close.h"
#include "os/wait_ready.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

// How much a loop reads of one channel before others get their turn.
constexpr int kMostInLoop = 16;
// More than a queue holds; a server could go on sending.
constexpr int kMostArrived = 1024;

}  // namespace

DatagramReader::DatagramReader(const DatagramSocket& socket,
                               WaitingThreads threads,
                               const ChannelAccount& account,
                               ChannelMutex& mutex, const Clock& clock,
                               absl::Duration max_busy_poll, Handler& handler)
    : socket_(socket),
      account_(account),
      mutex_(mutex),
      clock_(clock),
      handler_(handler),
      threads_(std::move(threads)),
      busy_poll_(max_busy_poll) {}

bool DatagramReader::WaitOnce(WaitingThread& thread, Room room,
                              MonotonicTime deadline, ChannelLock& lock) {
  assert(lock.Holds(mutex_));
  const bool reads = !there_is_reader();
  if (reads) {
    threads_.BeginReading(thread);
    lock.Unlock();
    SleepAndRead(room, deadline);
    lock.Relock();
    threads_.EndReading();
  } else {
    threads_.Park(thread);
    lock.Unlock();
    thread.parker.Park(clock_.SleepUntil(deadline));
    lock.Relock();
    threads_.Unpark(thread);
  }
  return reads;
}

bool DatagramReader::EndWait(ChannelLock& lock) {
  return !threads_.PassReading(lock) && std::exchange(loop_missed_, false);
}

bool DatagramReader::ReadArrived(ChannelLock& lock) {
  assert(!there_is_reader());
  WaitingThread thread;
  threads_.BeginReading(thread);
  lock.Unlock();
  for (int i = 0; i < kMostArrived && Read(); ++i) {
  }
  lock.Relock();
  threads_.EndReading();
  return EndWait(lock);
}

bool DatagramReader::ReadInLoop() {
  {
    ChannelLock lock(mutex_);
    if (threads_.has_reader()) {
      // The loop is told only once; the thread passes it on.
      loop_missed_ = true;
      return false;
    }
    loop_reads_ = true;
  }
  bool more = true;
  for (int i = 0; i < kMostInLoop && more; ++i) more = Read();
  ChannelLock lock(mutex_);
  loop_reads_ = false;
  if (!threads_.PassReading(lock)) return more;
  loop_missed_ = loop_missed_ || more;
  return false;
}

bool DatagramReader::PollAndRead(const BusyPoll::Wait& wait,
                                 MonotonicTime deadline) {
  MonotonicTime now = wait.began;
  const MonotonicTime until = std::min(wait.until, deadline);
  auto came = BusyPoll::Arrival::kBefore;
  while (now < until && !threads_.wakeup_pending()) {
    const bool received = Read();
    if (!received && threads_.others_wait()) YieldCpu();
    now = clock_.Now();
    if (received) {
      busy_poll_.OnArrival(wait, now, came);
      return true;
    }
    came = BusyPoll::Arrival::kLater;
  }
  return false;
}

void DatagramReader::SleepAndRead(Room room, MonotonicTime deadline) {
  const BusyPoll::Wait wait = busy_poll_.Begin(clock_.Now());
  if (!room.wanted() && PollAndRead(wait, deadline)) return;
  if (!threads_.BeginSleep()) {
    (void)Read();
    return;
  }
  threads_.EndSleep(WaitReady(socket_.fd(), room.own, threads_.wakeup_fd(),
                              clock_.SleepUntil(deadline), room.fd));
  if (Read()) busy_poll_.OnArrival(wait, clock_.Now());
}

bool DatagramReader::Read() {
  const BackgroundCloseScope closes;
  const ReceivedFdSenderScope server(account_.received());
  if (buffer_ == nullptr) {
    buffer_ = std::make_unique_for_overwrite<char[]>(kMaxPacketBytes);
  }
  const iovec piece = {.iov_base = buffer_.get(), .iov_len = kMaxPacketBytes};
  ReceivedDescriptors set;
  const IoResult io = socket_.Receive({&piece, 1}, set);
  if (io.error != 0) return false;
  handler_.OnDatagram({buffer_.get(), static_cast<size_t>(io.bytes)},
                      io.cut_off, set);
  return true;
}

}  // namespace fdrpc
