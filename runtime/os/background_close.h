#ifndef FDRPC_OS_BACKGROUND_CLOSE_H_
#define FDRPC_OS_BACKGROUND_CLOSE_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// close(2) of a descriptor that a peer sent may block for as long as the peer
// likes: a TCP socket with SO_LINGER and unsent data (socket(7)), or one that
// waits in a Unix-domain socket which is closed; a file of a FUSE file system,
// each time. So threads that others wait for leave it to threads that do
// nothing else, the closers of the process: a few for sockets, a few for all
// else. They are started when they are needed and end when they are not.
//
// If all closers of sockets but one are held, that one switches the lingering
// of what comes off (the kernel still sends the data, and nobody waits for it).
// Beyond that, what cannot be closed waits in order, and its number stays
// taken. So it counts for who sent it.

// As CloseInBackground(UniqueFd) of fdrpc/unique_fd.h, which closes what cannot
// block at once (memory, pipes, files of a file system with a block device of
// its own), and leaves the rest to the closers.
void CloseInBackground(std::vector<UniqueFd> fds);
// Closes it in any case, also where what is closed is collected.
void CloseAtOnce(UniqueFd fd);

// How many descriptors that one peer sent, say, wait for the closers or are
// being closed. Any thread.
class PendingCloses {
 public:
  // What counts here counts for `all`, too.
  explicit PendingCloses(std::shared_ptr<PendingCloses> all = nullptr)
      : all_(std::move(all)) {}
  PendingCloses(const PendingCloses&) = delete;
  PendingCloses& operator=(const PendingCloses&) = delete;

  void Add() {
    count_.fetch_add(1, std::memory_order_relaxed);
    if (all_ != nullptr) all_->Add();
  }
  void Remove() {
    count_.fetch_sub(1, std::memory_order_relaxed);
    if (all_ != nullptr) all_->Remove();
  }
  size_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  const std::shared_ptr<PendingCloses> all_;
  std::atomic<size_t> count_{0};
};

// While it lives, what its thread receives, or notes as received, is `sender`'s
// (or nobody's, if that is null): when it comes to the closers, whoever has
// dropped it, it counts there until it is closed.
class ReceivingFrom {
 public:
  explicit ReceivingFrom(const std::shared_ptr<PendingCloses>& sender);
  ~ReceivingFrom();
  ReceivingFrom(const ReceivingFrom&) = delete;
  ReceivingFrom& operator=(const ReceivingFrom&) = delete;

 private:
  const std::shared_ptr<PendingCloses>* const former_;
};
void NoteReceived(int fd);

// While it lives, what the UniqueFds of its thread would close stays open; its
// end gives that to CloseInBackground(). One within another leaves it to that
// one.
class BackgroundCloses {
 public:
  BackgroundCloses();
  ~BackgroundCloses();
  BackgroundCloses(const BackgroundCloses&) = delete;
  BackgroundCloses& operator=(const BackgroundCloses&) = delete;

 private:
  friend class UniqueFd;

  absl::InlinedVector<int, 4> fds_;
};

// Closes the socket of a connection, at once if nothing waits in its queue that
// could hold descriptors, and takes it from the ForkLedger. `packets`: it is no
// stream.
void CloseDrained(UniqueFd socket, bool packets);

// How many descriptors wait for the closers, or are being closed.
size_t BackgroundClosesPending();

}  // namespace fdrpc

#endif  // FDRPC_OS_BACKGROUND_CLOSE_H_
