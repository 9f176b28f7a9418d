#include "os/background_close.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "os/detached_thread.h"
#include "os/fork_ledger.h"
#include "os/memory_file.h"
#include "os/per_process.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

constexpr int kSocketClosers = 5;
constexpr int kFileClosers = 8;
// A closer ends after this time without a descriptor to close.
constexpr std::chrono::seconds kIdleTime{5};

void CloseNow(int fd) {
  // Callers read errno after an owner has gone out of scope.
  const int saved = errno;
  ::close(fd);
  errno = saved;
}

bool IsSocket(int fd) {
  int type;
  socklen_t length = sizeof(type);
  return Syscalls::Get().getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) ==
         0;
}

// How long close(2) of a descriptor may take. This depends on the kind of file,
// which no peer can change between this check and the close.
enum class CloseBehaviour { kNeverBlocks, kSocketMayBlock, kFileMayBlock };

// The last close(2) of a file without a name also frees its pages or blocks,
// which takes some 0.1 ms for each MiB. Up to this it is done at once; in
// stat(2)'s blocks of 512 bytes.
constexpr uint64_t kMostFreedBlocks = (uint64_t{4} << 20) / 512;

bool IsMemory(int fd, const struct statx& file) {
  const absl::StatusOr<uint64_t> memory = MemoryFileDevice();
  if (memory.ok() &&
      *memory == makedev(file.stx_dev_major, file.stx_dev_minor)) {
    return true;
  }
  // Only memory has seals.
  return Syscalls::Get().get_seals(fd) >= 0;
}

// Does not ask a file system that would have to ask a peer.
CloseBehaviour BehaviourOf(int fd) {
  // Pipes and sockets have questions of their own, which cost less than
  // statx(2). Descriptors of one kind usually come together, so the question
  // for the kind of the last one is asked first.
  enum class Question { kPipe, kSocket, kNone };
  constinit thread_local Question first = Question::kNone;
  const Syscalls& syscalls = Syscalls::Get();
  if (first == Question::kPipe && syscalls.get_pipe_size(fd) >= 0) {
    return CloseBehaviour::kNeverBlocks;
  }
  if (first == Question::kSocket && IsSocket(fd)) {
    return CloseBehaviour::kSocketMayBlock;
  }
  first = Question::kNone;
  struct statx file;
  if (syscalls.statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
                     STATX_TYPE | STATX_NLINK | STATX_BLOCKS, &file) < 0) {
    return IsSocket(fd) ? CloseBehaviour::kSocketMayBlock
                        : CloseBehaviour::kFileMayBlock;
  }
  const auto never_if = [](bool condition) {
    return condition ? CloseBehaviour::kNeverBlocks
                     : CloseBehaviour::kFileMayBlock;
  };
  switch (file.stx_mode & S_IFMT) {
    case S_IFSOCK:
      first = Question::kSocket;
      return CloseBehaviour::kSocketMayBlock;
    case S_IFIFO:
      first = Question::kPipe;
      return CloseBehaviour::kNeverBlocks;
    case S_IFCHR:  // major 1: /dev/null and the like, which are memory
      return never_if(file.stx_rdev_major == 1);
    case S_IFREG:
      if (file.stx_nlink == 0 && file.stx_blocks > kMostFreedBlocks) {
        return CloseBehaviour::kFileMayBlock;
      }
      // Files without a block device: FUSE and network file systems, but also
      // memory.
      return never_if(file.stx_dev_major != 0 || IsMemory(fd, file));
    case S_IFDIR:
      return never_if(file.stx_dev_major != 0);
    default:
      return CloseBehaviour::kFileMayBlock;
  }
}

// The closers of one kind: their threads and the descriptors that wait for
// them. Never destroyed, since its threads may outlive main().
class Closers {
 public:
  // `spare_lingering`: the last closer that is not blocked switches SO_LINGER
  // off.
  Closers(int most, bool spare_lingering)
      : most_(most), spare_lingering_(spare_lingering) {}

  // `sender`: the peer for which the descriptor counts, or null.
  void Add(int fd, std::shared_ptr<PendingCloses> sender)
      ABSL_LOCKS_EXCLUDED(mu_) {
    if (sender != nullptr) sender->Add();
    mu_.Lock();
    waiting_.push_back({fd, std::move(sender)});
    ++pending_;
    const bool starts = CountNext();
    if (!starts && idle_ > 0) fd_added_.Signal();
    mu_.Unlock();
    if (!starts || Start()) return;
    std::deque<WaitingFd> left;
    {
      MutexLock lock(mu_);
      // Otherwise those that are blocked come to it.
      if (threads_ == 0) left = std::exchange(waiting_, {});
    }
    for (const WaitingFd& each : left) Close(each, /*lingers=*/false);
    MutexLock lock(mu_);
    pending_ -= left.size();
  }

  size_t pending() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return pending_;
  }

 private:
  struct WaitingFd {
    int fd;
    std::shared_ptr<PendingCloses> sender;
  };

  // Whether one more closer is to be started, because none is idle. Counts it
  // as idle already.
  bool CountNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (idle_ > 0 || threads_ == most_) return false;
    ++threads_;
    ++idle_;
    return true;
  }
  // Starts a closer that is counted. False if the system cannot start one.
  bool Start() ABSL_LOCKS_EXCLUDED(mu_) {
    if (StartDetachedThread([this] { Work(); })) return true;
    MutexLock lock(mu_);
    --threads_;
    --idle_;
    return false;
  }

  void Work() ABSL_LOCKS_EXCLUDED(mu_) {
    mu_.Lock();
    while (true) {
      bool idle_long = false;
      while (waiting_.empty() && !idle_long) {
        idle_long = !fd_added_.WaitFor(mu_, kIdleTime);
      }
      --idle_;
      if (waiting_.empty()) break;
      WaitingFd next = std::move(waiting_.front());
      waiting_.pop_front();
      ++busy_;
      // Another closer must be ready for what arrives while this one is
      // blocked.
      const bool starts = CountNext();
      const bool lingers = !spare_lingering_ || busy_ < most_;
      mu_.Unlock();
      if (starts) Start();
      Close(next, lingers);
      next = {};
      mu_.Lock();
      --busy_;
      --pending_;
      ++idle_;
    }
    --threads_;
    mu_.Unlock();
  }

  static void Close(const WaitingFd& next, bool lingers) {
    if (!lingers) {
      // Fails for other files.
      const linger none = {.l_onoff = 0, .l_linger = 0};
      Syscalls::Get().setsockopt(next.fd, SOL_SOCKET, SO_LINGER, &none,
                                 sizeof(none));
    }
    CloseNow(next.fd);
    if (next.sender != nullptr) next.sender->Remove();
  }

  const int most_;
  const bool spare_lingering_;

  Mutex mu_;
  CondVar fd_added_;
  std::deque<WaitingFd> waiting_ ABSL_GUARDED_BY(mu_);
  int threads_ ABSL_GUARDED_BY(mu_) = 0;
  int idle_ ABSL_GUARDED_BY(mu_) = 0;  // those that start count
  int busy_ ABSL_GUARDED_BY(mu_) = 0;
  size_t pending_ ABSL_GUARDED_BY(mu_) = 0;
};

// The closers of one process. A child made by fork(2) needs its own: it has
// none of the parent's threads, and one of them may hold a lock here.
struct ProcessClosers {
  void NoteSender(int fd, std::shared_ptr<PendingCloses> sender)
      ABSL_LOCKS_EXCLUDED(mu) {
    const auto place = static_cast<size_t>(fd);
    MutexLock lock(mu);
    if (place >= senders.size()) senders.resize(place + 1);
    senders[place] = std::move(sender);
  }
  std::shared_ptr<PendingCloses> TakeSender(int fd) ABSL_LOCKS_EXCLUDED(mu) {
    const auto place = static_cast<size_t>(fd);
    MutexLock lock(mu);
    return place < senders.size() ? std::exchange(senders[place], nullptr)
                                  : nullptr;
  }

  Closers sockets{kSocketClosers, /*spare_lingering=*/true};
  Closers files{kFileClosers, /*spare_lingering=*/false};

  // The senders of received descriptors, by descriptor number. The entry of a
  // descriptor that the program has taken and closed stays until its number is
  // received again.
  Mutex mu;
  std::vector<std::shared_ptr<PendingCloses>> senders ABSL_GUARDED_BY(mu);
};

constinit PerProcess<ProcessClosers> closers_of_process;

void CloseOrPass(int fd) {
  ProcessClosers& closers = closers_of_process.Get();
  // First, because after the close another thread may reuse the number.
  std::shared_ptr<PendingCloses> sender = closers.TakeSender(fd);
  switch (BehaviourOf(fd)) {
    case CloseBehaviour::kNeverBlocks:
      return CloseNow(fd);
    case CloseBehaviour::kSocketMayBlock:
      return closers.sockets.Add(fd, std::move(sender));
    case CloseBehaviour::kFileMayBlock:
      return closers.files.Add(fd, std::move(sender));
  }
}

constinit thread_local BackgroundCloseScope* collecting = nullptr;
constinit thread_local const std::shared_ptr<PendingCloses>* receiving =
    nullptr;

}  // namespace

void UniqueFd::Close(int fd) {
  if (collecting != nullptr) {
    collecting->fds_.push_back(fd);
  } else {
    CloseNow(fd);
  }
}

BackgroundCloseScope::BackgroundCloseScope() {
  if (collecting == nullptr) collecting = this;
}

BackgroundCloseScope::~BackgroundCloseScope() {
  if (collecting != this) return;
  collecting = nullptr;
  for (int fd : fds_) CloseOrPass(fd);
}

void CloseInBackground(UniqueFd fd) {
  if (fd.ok()) CloseOrPass(fd.Release());
}

void CloseInBackground(std::vector<UniqueFd> fds) {
  for (UniqueFd& fd : fds) CloseInBackground(std::move(fd));
}

void CloseAtOnce(UniqueFd fd) {
  if (fd.ok()) CloseNow(fd.Release());
}

ReceivedFdSenderScope::ReceivedFdSenderScope(
    const std::shared_ptr<PendingCloses>& sender)
    : former_(std::exchange(receiving, &sender)) {}

ReceivedFdSenderScope::~ReceivedFdSenderScope() { receiving = former_; }

void NoteReceived(int fd) {
  if (receiving == nullptr || *receiving == nullptr) return;
  closers_of_process.Get().NoteSender(fd, *receiving);
}

std::shared_ptr<PendingCloses> SenderOfReceived() {
  return receiving == nullptr ? nullptr : *receiving;
}

void CloseDrained(UniqueFd socket, bool packets) {
  if (!socket.ok()) return;
  ForkLedger::Remove(socket.get());
  char byte;
  const ssize_t got = ::recv(socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  // A packet without bytes, which may carry descriptors, also reads as 0.
  if (got < 0 || (got == 0 && !packets)) {
    closers_of_process.Get().TakeSender(socket.get());
    CloseNow(socket.Release());
  } else {
    CloseInBackground(std::move(socket));
  }
}

size_t BackgroundClosesPending() {
  ProcessClosers& closers = closers_of_process.Get();
  return closers.sockets.pending() + closers.files.pending();
}

}  // namespace fdrpc
