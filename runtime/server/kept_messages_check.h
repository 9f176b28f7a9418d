#ifndef FDRPC_SERVER_KEPT_MESSAGES_CHECK_H_
#define FDRPC_SERVER_KEPT_MESSAGES_CHECK_H_

#include <atomic>

#include "base/monotonic_time.h"
#include "fdrpc/internal/kept_messages.h"
#include "server/executor.h"

namespace fdrpc {

// Frees the large messages that a server keeps (KeptMessages) and has not used
// for some time. Runs no timer: the polling thread asks for next().
class KeptMessagesCheck {
 public:
  explicit KeptMessagesCheck(const Clock& clock) : clock_(clock) {}

  // A call has finished with its messages, some of which may be kept. Any
  // thread.
  void OnCallDone(Executor& executor) {
    if (internal::KeptMessages::Any()) Tell(executor);
  }

  // Used by the polling thread.
  //
  // When there will be something to check.
  MonotonicTime next();
  void Advance(MonotonicTime now);

 private:
  // Tells the polling thread that there is something to check.
  void Tell(Executor& executor);

  const Clock& clock_;
  // Whether the polling thread has been told that messages are kept.
  std::atomic<bool> told_{false};
  MonotonicTime next_ = kNoDeadline;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_KEPT_MESSAGES_CHECK_H_
