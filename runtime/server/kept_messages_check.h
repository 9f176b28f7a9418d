#ifndef FDRPC_SERVER_KEPT_MESSAGES_CHECK_H_
#define FDRPC_SERVER_KEPT_MESSAGES_CHECK_H_

#include <atomic>

#include "base/monotonic_time.h"
#include "fdrpc/internal/kept_messages.h"
#include "loop/waker.h"

namespace fdrpc {

// Frees the large messages that a server keeps (KeptMessages) and has not used
// for some time.
class KeptMessagesCheck {
 public:
  // Wakes whoever calls Advance() when there will be something to check.
  KeptMessagesCheck(const Clock& clock, Waker& waker)
      : clock_(clock), waker_(waker) {}

  // A call has finished with its messages, some of which may be kept. Any
  // thread.
  void OnCallDone() {
    if (internal::KeptMessages::Any() && next() == kNoDeadline) Plan();
  }
  // When there will be something to check.
  MonotonicTime next() const { return next_.load(); }

  // Used by the polling thread.
  void Advance(MonotonicTime now);

 private:
  void Plan();

  const Clock& clock_;
  Waker& waker_;
  std::atomic<MonotonicTime> next_{kNoDeadline};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_KEPT_MESSAGES_CHECK_H_
