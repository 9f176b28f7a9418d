#ifndef FDRPC_OS_BACKGROUND_CLOSE_H_
#define FDRPC_OS_BACKGROUND_CLOSE_H_

#include <atomic>
#include <cassert>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// Closing descriptors that a peer sent. close(2) of such a descriptor can block
// for as long as the peer likes: a TCP socket with SO_LINGER and unsent data
// (socket(7)), also inside the queue of a Unix-domain socket that is closed;
// every file of a FUSE file system. Threads that others wait for therefore pass
// these descriptors to the closers of the process: threads that do nothing
// else, a few for sockets and a few for all other files. They start on demand,
// and end when they have been idle for a while.
//
// If all closers of sockets but one are blocked, the last one switches
// SO_LINGER off before it closes a socket; the kernel then sends the data in
// the background. If all closers are blocked, descriptors wait in order. They
// are still open files of this process meanwhile, so they count for the peer
// that sent them.

// Like CloseInBackground(UniqueFd) of fdrpc/unique_fd.h: closes at once what
// cannot block (memory, pipes, files of a file system with its own block
// device), and passes the rest to the closers; likewise large memory and large
// files without a name, which the last close(2) frees.
void CloseInBackground(std::vector<UniqueFd> fds);
// Closes the descriptor on this thread, even within a BackgroundCloseScope.
void CloseAtOnce(UniqueFd fd);

// Counts the descriptors, for example those of one peer, that wait for the
// closers or are being closed, and those in messages that nobody has read yet.
// Any thread.
class PendingCloses {
 public:
  // `all`, if not null, is a total that counts the same descriptors too.
  explicit PendingCloses(std::shared_ptr<PendingCloses> all = nullptr)
      : all_(std::move(all)) {}
  PendingCloses(const PendingCloses&) = delete;
  PendingCloses& operator=(const PendingCloses&) = delete;

  void Add() {
    count_.fetch_add(1, std::memory_order_relaxed);
    if (all_ != nullptr) all_->Add();
  }
  void Remove() {
    [[maybe_unused]] const size_t before =
        count_.fetch_sub(1, std::memory_order_relaxed);
    assert(before > 0);
    if (all_ != nullptr) all_->Remove();
  }
  size_t count() const { return count_.load(std::memory_order_relaxed); }

  void AddUnread(size_t count) {
    unread_.fetch_add(count, std::memory_order_relaxed);
  }
  void RemoveUnread(size_t count) {
    [[maybe_unused]] const size_t before =
        unread_.fetch_sub(count, std::memory_order_relaxed);
    assert(before >= count);
  }
  size_t unread() const { return unread_.load(std::memory_order_relaxed); }

 private:
  const std::shared_ptr<PendingCloses> all_;
  std::atomic<size_t> count_{0};
  std::atomic<size_t> unread_{0};
};

// Attributes descriptors to the peer that sent them. During its lifetime, each
// descriptor that the thread receives or passes to NoteReceived() belongs to
// `sender` (to nobody, if null). If it goes to the closers later, from any
// thread, it counts there until it is closed.
class ReceivedFdSenderScope {
 public:
  explicit ReceivedFdSenderScope(const std::shared_ptr<PendingCloses>& sender);
  ~ReceivedFdSenderScope();
  ReceivedFdSenderScope(const ReceivedFdSenderScope&) = delete;
  ReceivedFdSenderScope& operator=(const ReceivedFdSenderScope&) = delete;

 private:
  const std::shared_ptr<PendingCloses>* const former_;
};
void NoteReceived(int fd);
// The sender of what the thread receives at present; null if nobody counts it.
std::shared_ptr<PendingCloses> SenderOfReceived();

// Defers the closing of descriptors. During its lifetime, UniqueFds of the
// thread close nothing; its destructor passes their descriptors to
// CloseInBackground(). An inner scope leaves them to the outermost one.
class BackgroundCloseScope {
 public:
  BackgroundCloseScope();
  ~BackgroundCloseScope();
  BackgroundCloseScope(const BackgroundCloseScope&) = delete;
  BackgroundCloseScope& operator=(const BackgroundCloseScope&) = delete;

 private:
  friend class UniqueFd;

  absl::InlinedVector<int, 4> fds_;
};

// Closes the socket of a connection and removes it from the ForkLedger: at once
// if its queue is empty, otherwise in the background, since the queue may hold
// descriptors. `packets`: the socket is not a stream.
void CloseDrained(UniqueFd socket, bool packets);

// How many descriptors wait for the closers or are being closed.
size_t BackgroundClosesPending();

}  // namespace fdrpc

#endif  // FDRPC_OS_BACKGROUND_CLOSE_H_
