#include "server/kept_messages_check.h"

#include "absl/time/time.h"

namespace fdrpc {
namespace {

// How long (at most twice that) an unused message is kept.
constexpr absl::Duration kKeptTime = absl::Seconds(1);

}  // namespace

void KeptMessagesCheck::Tell(Executor& executor) {
  if (told_.load()) return;
  // A thread that waits for longer must look again.
  if (!told_.exchange(true)) executor.InterruptPoll();
}

MonotonicTime KeptMessagesCheck::next() {
  if (next_ == kNoDeadline && internal::KeptMessages::Any()) {
    next_ = DeadlineAfter(clock_.Now(), kKeptTime);
  }
  return next_;
}

void KeptMessagesCheck::Advance(MonotonicTime now) {
  if (now < next_) return;
  internal::KeptMessages::DropUnused();
  // next() checks afterwards whether there are any: either it sees what is kept
  // from now on, or the thread that keeps it finds this reset.
  told_.store(false);
  next_ = kNoDeadline;
}

}  // namespace fdrpc
