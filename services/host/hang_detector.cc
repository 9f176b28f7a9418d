#include "services/host/hang_detector.h"

namespace fdrpc::host {

HangDetector::Verdict HangDetector::OnTick(bool has_answered, bool is_held,
                                           bool is_starting) {
  if (has_answered) {
    missed_ = 0;
    return Verdict::kPing;
  }
  // When it goes on, it has all the time again.
  missed_ = is_held ? 0 : missed_ + 1;
  const int most = is_starting ? kPatienceAtStart * kMostMissed : kMostMissed;
  return missed_ < most ? Verdict::kWait : Verdict::kHangs;
}

}  // namespace fdrpc::host
