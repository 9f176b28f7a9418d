#include "client/datagram_room.h"

#include <cassert>
#include <utility>

#include "absl/status/statusor.h"

namespace fdrpc {
namespace {

// What a loop watches a socket for: changes, because a thread that waits for a
// call may be the one that reads.
Poller::Interest Interest(bool room) {
  return {.writable = room, .edge_triggered = true};
}

}  // namespace

void DatagramRoom::Unwatch() {
  if (loop_ == nullptr) return;
  loop_->Unwatch(socket_.fd(), socket_token_);
  if (room_token_ != 0) loop_->Unwatch(room_.get(), room_token_);
}

absl::Status DatagramRoom::WatchWith(std::shared_ptr<LoopCore> loop,
                                     std::weak_ptr<LoopCore::Source> source) {
  const absl::StatusOr<uint64_t> token =
      loop->Watch(socket_.fd(), source, Interest(false));
  if (!token.ok()) return token.status();
  socket_token_ = *token;
  source_ = std::move(source);
  loop_ = std::move(loop);
  return absl::OkStatus();
}

absl::Status DatagramRoom::BeginWait() {
  if (!socket_.HasOwnRoom()) {
    wait_ = Wait::kOwnBuffer;
  } else {
    absl::Status found = socket_.WatchServersQueue(room_);
    if (!found.ok()) return found;
    wait_ = Wait::kServersQueue;
  }
  return Watch();
}

absl::Status DatagramRoom::Watch() {
  if (loop_ == nullptr || wait_ == Wait::kNone) return absl::OkStatus();
  // Also if it is watched already: the loop is told of changes, so the kernel
  // must look again now.
  if (wait_ == Wait::kOwnBuffer) {
    return loop_->Change(socket_.fd(), socket_token_, Interest(true));
  }
  if (room_token_ == 0) {
    const absl::StatusOr<uint64_t> token =
        loop_->Watch(room_.get(), source_, Interest(false));
    if (!token.ok()) return token.status();
    room_token_ = *token;
  }
  return loop_->Change(room_.get(), room_token_, Interest(true));
}

void DatagramRoom::EndWait() {
  if (wait_ == Wait::kOwnBuffer && loop_ != nullptr) {
    // Fails only if memory is short; the calls then end at their deadlines.
    (void)loop_->Change(socket_.fd(), socket_token_, Interest(false));
  }
  wait_ = Wait::kNone;
}

DatagramReader::Room DatagramRoom::ForReader() const {
  return {.own = wait_ == Wait::kOwnBuffer,
          .fd = wait_ == Wait::kServersQueue ? room_.get() : -1};
}

std::string_view DatagramRoom::Reason() const {
  assert(waits());
  return wait_ == Wait::kServersQueue
             ? "the server's queue of datagrams is full"
             : "this channel's send buffer is full of what the server has not "
               "received";
}

}  // namespace fdrpc
