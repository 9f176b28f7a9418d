#include "server/kept_messages_check.h"

#include "absl/time/time.h"

namespace fdrpc {
namespace {

// How long (at most twice that) an unused message is kept.
constexpr absl::Duration kKeptTime = absl::Seconds(1);

}  // namespace

void KeptMessagesCheck::Plan() {
  MonotonicTime none = kNoDeadline;
  const MonotonicTime next = DeadlineAfter(clock_.Now(), kKeptTime);
  if (next_.compare_exchange_strong(none, next)) waker_.WakeBy(next);
}

void KeptMessagesCheck::Advance(MonotonicTime now) {
  if (now < next()) return;
  internal::KeptMessages::DropUnused();
  // Either this sees what is kept from now on, or the thread that keeps it
  // finds this reset.
  next_.store(kNoDeadline);
  OnCallDone();
}

}  // namespace fdrpc
