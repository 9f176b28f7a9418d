#ifndef FDRPC_CLIENT_CALL_SENDER_H_
#define FDRPC_CLIENT_CALL_SENDER_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "call/credit.h"
#include "client/batched_writer.h"
#include "client/channel_lock.h"
#include "client/method_ids.h"
#include "client/pending_call.h"
#include "client/pending_calls.h"
#include "client/server_terms.h"
#include "connection/connection.h"
#include "connection/frame_builder.h"

namespace fdrpc {

// Puts the frames of a connection's calls into its queue, as far as the server
// accepts them and there is room, and has them written when the lock is
// released. Does not end calls.
class CallSender {
 public:
  // Borrows all of them.
  CallSender(Connection& connection, BatchedWriter& writer,
             const ServerTerms& server, PendingCalls& calls, const Clock& clock)
      : connection_(connection),
        writer_(writer),
        server_(server),
        calls_(calls),
        clock_(clock) {}

  // Whether the beginning of a call can be sent, or refused, now: there is
  // room, and it is known whether the server accepts it.
  bool CanGo(const PendingCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether its method has an id, or can get one.
  bool CanName(const PendingCall& call) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return methods_.MayHave(call.method.full_name);
  }
  // Sends the beginning of a call, for which CanGo() and CanName() are true.
  // False if the connection sends nothing more.
  bool SendOpen(PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Sends what the call may send: `message`, which waits in the call or is
  // about to, and the half-close. The caller has it written, or lets it linger.
  // RESOURCE_EXHAUSTED if the server does not accept it.
  absl::Status SendWaiting(PendingCall& call, OutgoingFrames& message,
                           ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void Grant(const PendingCall& call, Credit credit, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Withdraws what is queued of the call. If the server has seen the call, it
  // is told that the call has ended.
  void Cancel(const PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

 private:
  uint32_t MethodId(const Method& method)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void EnqueueMessage(PendingCall& call, OutgoingFrames& frames,
                      ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  Connection& connection_;
  BatchedWriter& writer_;
  const ServerTerms& server_ ABSL_GUARDED_BY(channel_mutex);
  PendingCalls& calls_ ABSL_GUARDED_BY(channel_mutex);
  const Clock& clock_;
  MethodIds methods_ ABSL_GUARDED_BY(channel_mutex);
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALL_SENDER_H_
