#ifndef FDRPC_OS_BUSY_POLL_H_
#define FDRPC_OS_BUSY_POLL_H_

#include "absl/time/time.h"
#include "base/monotonic_time.h"

namespace fdrpc {

// For how long one that waits for its peer polls before it sleeps.
//
// To wake a sleeping CPU costs more than all the rest of a call, so a wait that
// will be short is best spent polling; one that will not only burns the CPU.
// Which it will be is learnt from those before: it polls while what it waits
// for has been coming quickly, and while it comes back to waiting quickly
// itself (else the peer sleeps by then). Never where there is one CPU only: to
// poll there keeps the peer from running.
//
// One thread at a time.
class BusyPoll {
 public:
  // A wait polls for at most `longest`; zero: never.
  explicit BusyPoll(absl::Duration longest);

  // A wait begins. Returns until when to poll before sleeping; `now` if not at
  // all.
  MonotonicTime Begin(MonotonicTime now);
  // Whether the calling thread may run on more than one CPU.
  static bool HasSeveralCpus();
  // Whether what is waited for is likely to come soon, so that it has.
  bool expects_arrival() const { return confidence_ > 0; }
  // What was waited for has come, whether during the polling or the sleep.
  void OnArrival(MonotonicTime now);
  std::chrono::nanoseconds longest() const { return longest_; }

 private:
  using Nanoseconds = std::chrono::nanoseconds;

  const Nanoseconds longest_;
  MonotonicTime began_;
  MonotonicTime last_arrival_;
  int confidence_ = 0;
};

// Between two polls: lets another thread run that is ready to.
void YieldCpu();

}  // namespace fdrpc

#endif  // FDRPC_OS_BUSY_POLL_H_
