#ifndef FDRPC_SERVER_LISTENERS_H_
#define FDRPC_SERVER_LISTENERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "fdrpc/unique_fd.h"
#include "loop/reactor.h"
#include "loop/waker.h"
#include "os/fork_ledger.h"
#include "os/socket_listener.h"
#include "server/answer_socket.h"
#include "server/datagram_calls.h"

namespace fdrpc {

// The listening sockets of a server, which a reactor watches. Pauses a socket
// for a while when accepting fails because a resource is short: it stays
// readable, so polling it would spin. Also pauses a datagram socket while
// nothing may be received from it (DatagramCalls::MayReceive()).
//
// Threads: the polling one, except as noted.
class Listeners {
 public:
  // Who learns, from a reactor that is borrowed, that connections wait.
  struct Watcher {
    Reactor* reactor = nullptr;
    std::weak_ptr<Reactor::Source> source;
  };

  // Wakes, with `waker`, whoever calls Resume() when a pause ends. `owner`: of
  // the descriptors, in the ForkLedger.
  Listeners(uint32_t owner, Waker& waker, const Clock& clock)
      : waker_(waker), clock_(clock), owner_(owner) {}

  absl::Status Add(SocketListener listener, const Watcher& watcher)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Gives all to another watcher; the former one's reactor is run no more.
  // After an error, some are not watched.
  absl::Status MoveTo(const Watcher& watcher) ABSL_LOCKS_EXCLUDED(mu_);
  // Passes what datagram sockets receive, except knocks, to `calls`, for the
  // calls of `host`. Both are borrowed. Before anything is accepted.
  void TakeCallsWith(DatagramCalls& calls, std::weak_ptr<const void> host) {
    calls_ = &calls;
    host_ = std::move(host);
  }
  bool empty() const ABSL_LOCKS_EXCLUDED(mu_);

  // Passes waiting connections to `adopt`, with their sockets' type; only some
  // of them, so that others get their turn.
  void Accept(uint64_t token, absl::FunctionRef<void(UniqueFd, int)> adopt)
      ABSL_LOCKS_EXCLUDED(mu_);
  // How many calls have come in datagrams.
  size_t calls_taken() const { return calls_taken_; }
  // Resumes sockets whose pause is over.
  void Resume(MonotonicTime now) ABSL_LOCKS_EXCLUDED(mu_);
  MonotonicTime next_resume() const ABSL_LOCKS_EXCLUDED(mu_);

  // As in ServerStatistics. Any thread.
  uint64_t refused_knocks() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return refused_knocks_;
  }
  // As Server::HandOver(). Any thread.
  absl::StatusOr<std::vector<UniqueFd>> HandOver() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes the calls that wait in datagram sockets, which refuse further ones,
  // and closes all sockets.
  void Close() ABSL_LOCKS_EXCLUDED(mu_) { TakeWaiting(Unlisten()); }
  // Closes all sockets, and removes their files, while the polling thread may
  // use this object. Any thread.
  void CloseAtExit() ABSL_LOCKS_EXCLUDED(mu_) { (void)Unlisten(); }

 private:
  struct BoundListener {
    SocketListener listener;
    uint64_t token = 0;
    // Set during a pause.
    MonotonicTime paused_until = MonotonicTime::min();
    // Destroyed before the listener.
    ForkLedger::Entry socket_entry = {};
    std::array<ForkLedger::Entry, 2> file_entries = {};
    // Of a pair: another descriptor of its socket, which answers need.
    std::shared_ptr<AnswerSocket> pair = {};
  };

  BoundListener* Find(uint64_t token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<BoundListener> Unlisten() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes what waits in datagram sockets.
  void TakeWaiting(const std::vector<BoundListener>& closed)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Pause(BoundListener& paused) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Span<char> DatagramBuffer();
  // Takes the call in a datagram, if it is one.
  void TakeCall(ReceivedDatagram& datagram, std::shared_ptr<AnswerSocket> pair)
      ABSL_LOCKS_EXCLUDED(mu_);

  bool MayReceive() { return calls_ == nullptr || calls_->MayReceive(); }

  Waker& waker_;
  const Clock& clock_;
  const uint32_t owner_;
  Reactor* reactor_ = nullptr;  // constant while the server serves
  // For the polling thread, which looks here often.
  bool any_paused_ = false;
  size_t calls_taken_ = 0;
  DatagramCalls* calls_ = nullptr;
  std::weak_ptr<const void> host_;
  std::unique_ptr<char[]> datagram_buffer_;

  mutable Mutex mu_;
  std::vector<BoundListener> listening_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t refused_knocks_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_LISTENERS_H_
