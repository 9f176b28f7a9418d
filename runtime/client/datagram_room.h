#ifndef FDRPC_CLIENT_DATAGRAM_ROOM_H_
#define FDRPC_CLIENT_DATAGRAM_ROOM_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "client/channel_lock.h"
#include "client/datagram_reader.h"
#include "fdrpc/unique_fd.h"
#include "loop/loop_core.h"
#include "os/datagram_socket.h"

namespace fdrpc {

// What a DatagramChannel waits for when it could not send: room in its socket,
// or in the server's queue. Has a loop watch that, and the socket for answers.
// Guarded by the channel's lock.
class DatagramRoom {
 public:
  // Borrows the socket.
  explicit DatagramRoom(const DatagramSocket& socket) : socket_(socket) {}
  DatagramRoom(const DatagramRoom&) = delete;
  DatagramRoom& operator=(const DatagramRoom&) = delete;
  // Before it is destroyed, unless that is in a child made by fork(2).
  void Unwatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // From now on, `loop` waits for answers, and for what this waits for.
  absl::Status WatchWith(std::shared_ptr<LoopCore> loop,
                         std::weak_ptr<LoopCore::Source> source)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  bool watched() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return loop_ != nullptr;
  }
  // Whether an event of the loop with that token only says that there is room.
  bool IsOnlyRoom(uint64_t token) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return token == room_token_ && room_token_ != 0;
  }

  // After EAGAIN: finds out what to wait for, and begins to. After an error
  // nobody is told of room, because the server has gone, or for want of a
  // descriptor or memory.
  absl::Status BeginWait() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // If there is a loop, makes it wait for the same. Errors as BeginWait().
  absl::Status Watch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Before the next attempt to send.
  void EndWait() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  bool waits() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return wait_ != Wait::kNone;
  }
  // The same for a thread that reads.
  DatagramReader::Room ForReader() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // What it waits for, for people. Only if it waits().
  std::string_view Reason() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

 private:
  enum class Wait {
    kNone,
    kOwnBuffer,     // until the socket polls as writable
    kServersQueue,  // until room_ does
  };

  const DatagramSocket& socket_;
  Wait wait_ ABSL_GUARDED_BY(channel_mutex) = Wait::kNone;
  // Stays open once it was needed, since a thread may be polling it.
  UniqueFd room_ ABSL_GUARDED_BY(channel_mutex);

  std::shared_ptr<LoopCore> loop_ ABSL_GUARDED_BY(channel_mutex);
  std::weak_ptr<LoopCore::Source> source_ ABSL_GUARDED_BY(channel_mutex);
  uint64_t socket_token_ ABSL_GUARDED_BY(channel_mutex) = 0;
  uint64_t room_token_ ABSL_GUARDED_BY(channel_mutex) = 0;  // 0: not watched
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_DATAGRAM_ROOM_H_
