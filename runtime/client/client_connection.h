#ifndef FDRPC_CLIENT_CLIENT_CONNECTION_H_
#define FDRPC_CLIENT_CLIENT_CONNECTION_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "client/pending_call.h"
#include "connection/connection.h"
#include "os/parker.h"
#include "os/wakeup.h"
#include "transport/transport.h"

namespace fdrpc {

// The client's end of one connection: its calls, from when they wait to be sent
// until they have ended. Owns no thread: of the threads that wait for replies
// one reads, for all of them; when its own call has ended, it makes another the
// reader. A thread's own frames are written by itself.
class ClientConnection final : private Connection::Role {
 public:
  static absl::StatusOr<std::shared_ptr<ClientConnection>> Create(
      std::unique_ptr<Transport> transport, const Hello& hello);
  ~ClientConnection();

  // Makes the call and blocks until it has ended: call.status says how. Calls
  // that exceed what the server takes at once wait for their turn.
  void Run(PendingCall& call) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the call with `why` if it has not ended, before or during Run(), from
  // any thread. The server hears of it if it has seen the call.
  void Cancel(PendingCall& call, const absl::Status& why)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Whether new calls can be made on it.
  bool usable() const { return usable_.load(std::memory_order_acquire); }

 private:
  ClientConnection(std::unique_ptr<Transport> transport, const Hello& hello,
                   Wakeup wakeup);

  // Connection::Role.
  void OnHello(const Hello& hello) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status OnFrame(IncomingFrame& frame) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnGoAway(uint32_t last_call_id) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnUnsent(OutgoingFrame frame, const absl::Status& why) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteBlockedChanged() override;
  void OnClosed(const absl::Status& why) override ABSL_LOCKS_EXCLUDED(mu_);

  // Blocks until the call has ended, reading if nobody else does.
  void Await(PendingCall& call) ABSL_LOCKS_EXCLUDED(mu_);
  // As the reader: waits for what arrives, and handles it.
  void WaitAndRead(MonotonicTime deadline) ABSL_LOCKS_EXCLUDED(mu_);

  // Sends calls that wait for their turn, as far as the limits allow.
  void Admit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether the call must wait; gives the call its error if it can't be sent.
  bool MustWait(const PendingCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SendOpen(PendingCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint32_t MethodId(const Method& method) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Ends a call that may have been sent: tells the server.
  void Abandon(PendingCall& call, absl::Status why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Marks the call as ended, and its thread as one to wake.
  void Finish(PendingCall& call, absl::Status status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FinishUnseen(PendingCall& call, absl::Status status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RefuseNewCalls(const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status OnCallFrame(PendingCall& call, IncomingFrame& frame)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status OnStatusFrame(PendingCall& call, IncomingFrame& frame)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void Park(PendingCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Unpark(PendingCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives the lock up and wakes the threads that were marked meanwhile.
  void UnlockAndWake() ABSL_UNLOCK_FUNCTION(mu_);

  // Wakes the reader from its wait for the socket; only done if it does wait.
  void WakeReader() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Wakeup wakeup_;
  std::atomic<bool> wakeup_pending_{false};
  // Set under the lock before the reader waits, so that whoever changes what it
  // must know of either comes before the wait or sees that it must be woken.
  std::atomic<bool> reader_waits_{false};
  std::atomic<bool> usable_{true};

  Mutex mu_;
  std::optional<Hello> server_ ABSL_GUARDED_BY(mu_);
  // 64 bits, so that it can stand behind the last id.
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  absl::flat_hash_map<uint32_t, PendingCall*> calls_ ABSL_GUARDED_BY(mu_);
  std::deque<PendingCall*> waiting_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<const Method*, uint32_t> method_ids_ ABSL_GUARDED_BY(mu_);
  PendingCall* reader_ ABSL_GUARDED_BY(mu_) = nullptr;  // whose thread reads
  std::vector<PendingCall*> parked_ ABSL_GUARDED_BY(mu_);
  std::vector<Parker::Address> to_wake_ ABSL_GUARDED_BY(mu_);

  Connection connection_;  // last: it uses this object until it is gone
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CLIENT_CONNECTION_H_
