#ifndef FDRPC_SERVER_CLIENT_OFFER_H_
#define FDRPC_SERVER_CLIENT_OFFER_H_

#include <atomic>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "fdrpc/unique_fd.h"
#include "loop/loop_core.h"
#include "server/connection_account.h"
#include "transport/frame.h"
#include "transport/revocable_transport.h"
#include "transport/transport.h"

namespace fdrpc {

// The services that the client of a connection offers: the socket over which it
// serves them, until they are used, and then what uses it, which this class
// does not know.
class ClientOffer {
 public:
  // A connection's place for the offer of its client. Small, because few
  // clients offer something.
  class Slot;

  ~ClientOffer();
  ClientOffer(const ClientOffer&) = delete;
  ClientOffer& operator=(const ClientOffer&) = delete;

  // Makes what uses the socket; later calls return the same. Not null.
  using User = std::shared_ptr<const void>;
  using Opener = absl::FunctionRef<User(std::unique_ptr<Transport>,
                                        const std::shared_ptr<LoopCore>&)>;
  // RESOURCE_EXHAUSTED while the socket has not come, because of a limit on
  // either side; UNAVAILABLE if the connection has ended. `open` is called
  // under a lock. Any thread.
  absl::StatusOr<User> Open(Opener open) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Of a connection that has ended.
  ClientOffer() : state_(State::kEnded) {}
  ClientOffer(ConnectionAccount& account, const std::shared_ptr<LoopCore>& loop)
      : account_(&account), loop_(&loop) {}

  absl::Status Take(IncomingFrame& frame) ABSL_LOCKS_EXCLUDED(mu_);
  bool awaits_socket() const ABSL_LOCKS_EXCLUDED(mu_);
  void End() ABSL_LOCKS_EXCLUDED(mu_);

  enum class State { kAwaited, kOffered, kUsed, kEnded };

  ConnectionAccount* const account_ = nullptr;
  const std::shared_ptr<LoopCore>* const loop_ = nullptr;
  bool charged_ = false;

  mutable Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_) = State::kAwaited;
  UniqueFd socket_ ABSL_GUARDED_BY(mu_);  // if kOffered
  int type_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status why_awaited_ ABSL_GUARDED_BY(mu_);
  User user_ ABSL_GUARDED_BY(mu_);  // if kUsed, like
  TransportRevoker revoker_ ABSL_GUARDED_BY(mu_);
};

class ClientOffer::Slot {
 public:
  Slot() = default;
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // Takes what is offered out of an offer frame. An error says how the client
  // broke the protocol. For the reader. `late`: the connection's first call has
  // come. Borrows the rest. `loop`: in which the server runs; null if it has
  // threads.
  absl::Status Take(IncomingFrame& frame, bool late, ConnectionAccount& account,
                    const std::shared_ptr<LoopCore>& loop);
  // Whether the client offers something, and the socket for it has not come.
  bool awaits_socket() const;
  // The connection has ended. Any thread, more than once.
  void End();
  // What the client offers; null if it offers nothing. Any thread.
  ClientOffer* get() const { return offer_.load(std::memory_order_acquire); }

 private:
  // Stands for any offer of a connection that had none when it ended.
  static ClientOffer* Ended();

  std::atomic<ClientOffer*> offer_{nullptr};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CLIENT_OFFER_H_
