#include "os/background_close.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "os/detached_thread.h"
#include "os/fork_ledger.h"
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

// Does not ask a file system that would have to ask a peer.
CloseBehaviour BehaviourOf(int fd) {
  struct statx file;
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &file) <
      0) {
    return IsSocket(fd) ? CloseBehaviour::kSocketMayBlock
                        : CloseBehaviour::kFileMayBlock;
  }
  switch (file.stx_mode & S_IFMT) {
    case S_IFSOCK:
      return CloseBehaviour::kSocketMayBlock;
    case S_IFIFO:
      return CloseBehaviour::kNeverBlocks;
    case S_IFCHR:  // major 1: /dev/null and the like, which are memory
      return file.stx_rdev_major == 1 ? CloseBehaviour::kNeverBlocks
                                      : CloseBehaviour::kFileMayBlock;
    case S_IFREG:
      // Files without a block device: FUSE and network file systems, but also
      // memory, which can be sealed.
      return file.stx_dev_major != 0 || Syscalls::Get().get_seals(fd) >= 0
                 ? CloseBehaviour::kNeverBlocks
                 : CloseBehaviour::kFileMayBlock;
    case S_IFDIR:
      return file.stx_dev_major != 0 ? CloseBehaviour::kNeverBlocks
                                     : CloseBehaviour::kFileMayBlock;
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
    const bool starts = threads_ == 0;
    if (starts) {
      ++threads_;
    } else if (idle_ > 0) {
      fd_added_.Signal();
    }
    mu_.Unlock();
    if (!starts || Start()) return;
    // No thread could be started, so this one closes them.
    mu_.Lock();
    const std::deque<WaitingFd> left = std::exchange(waiting_, {});
    mu_.Unlock();
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

  // Starts a thread that `threads_` already counts. False if the system cannot
  // start one.
  bool Start() ABSL_LOCKS_EXCLUDED(mu_) {
    if (StartDetachedThread([this] { Work(); })) return true;
    MutexLock lock(mu_);
    --threads_;
    return false;
  }

  void Work() ABSL_LOCKS_EXCLUDED(mu_) {
    mu_.Lock();
    while (true) {
      ++idle_;
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
      const bool lacks = idle_ == 0 && threads_ < most_;
      if (lacks) ++threads_;
      const bool lingers = !spare_lingering_ || busy_ < most_;
      mu_.Unlock();
      if (lacks) Start();
      Close(next, lingers);
      next = {};
      mu_.Lock();
      --busy_;
      --pending_;
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
  int idle_ ABSL_GUARDED_BY(mu_) = 0;
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
