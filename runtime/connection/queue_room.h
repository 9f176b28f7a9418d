#ifndef FDRPC_CONNECTION_QUEUE_ROOM_H_
#define FDRPC_CONNECTION_QUEUE_ROOM_H_

#include <atomic>
#include <cstddef>
#include <string_view>

#include "connection/frame_queue.h"
#include "os/descriptor_quota.h"
#include "transport/frame.h"

namespace fdrpc {

// Counts what a connection has queued, and says whether there is room for more.
// The queue itself belongs to the connection.
//
// Threads: any thread may ask for the amounts and for room. The other functions
// are for one thread at a time, which holds the connection's lock.
class QueueRoom {
 public:
  // How much may be queued until there is no room.
  struct Limits {
    // Not counting large messages, which have several frames; of those,
    // kMostLargeMessages may be queued. At least 64 KiB: a lower value counts
    // as that.
    size_t bytes;
    size_t descriptors;
    // Borrowed: shared with other connections of the peer. While the shared
    // limit is exceeded, a connection has room only if it has no descriptors
    // queued and at most one message in flight. So each connection gets room
    // when its own peer reads.
    UnreceivedDescriptors* together = nullptr;
  };
  static constexpr size_t kMostLargeMessages = 4;

  // What the caller wants to queue: a single frame, or possibly a large
  // message.
  enum class Size { kOneFrame, kAny };

  explicit QueueRoom(const Limits& limits);
  ~QueueRoom();
  QueueRoom(const QueueRoom&) = delete;
  QueueRoom& operator=(const QueueRoom&) = delete;

  // Counts a frame before it enters the queue, and before it leaves the queue.
  void Count(const OutgoingFrame& frame, bool of_large = false);
  void Discount(const FrameQueue::QueuedFrame& queued);

  // Whether no more is queued than each limit divided by `divisor`. Always true
  // for an empty queue: only frames that leave it make room.
  bool Within(Size size, size_t divisor) const {
    const size_t most_bytes =
        limits_.bytes / divisor + large_bytes_.load(std::memory_order_relaxed);
    return bytes() <= most_bytes &&
           (descriptors() == 0 || DescriptorsWithin(divisor)) &&
           (size == Size::kOneFrame ||
            large_messages_.load(std::memory_order_relaxed) <
                kMostLargeMessages / divisor);
  }

  // Asks for a report when no more than half of the limits is queued.
  void Want(Size size) { wanted_[static_cast<size_t>(size)] = true; }
  // Whether to report that now; true once.
  bool TakeWanted();

  // Each frame counts as at least 64 bytes, the memory that the smallest one
  // takes.
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  // Includes those of a frame that has been sent in part.
  size_t descriptors() const {
    return descriptors_.load(std::memory_order_relaxed);
  }
  // For the thread that counts.
  size_t pongs() const { return pongs_; }

 private:
  // For a frame of a large message, when it enters the queue or has left it.
  void CountLarge(std::string_view head, size_t bytes, bool queued);
  bool DescriptorsWithin(size_t divisor) const;

  const Limits limits_;
  size_t pongs_ = 0;
  bool wanted_[2] = {};  // by Size
  std::atomic<size_t> bytes_{0};
  std::atomic<size_t> descriptors_{0};
  // The part of bytes_ in large messages, and the number of large messages
  // whose last frame is queued.
  std::atomic<size_t> large_bytes_{0};
  std::atomic<size_t> large_messages_{0};
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_QUEUE_ROOM_H_
