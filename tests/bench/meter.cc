#include "tests/bench/meter.h"

#include <time.h>

#include <algorithm>
#include <limits>

namespace fdrpc::bench {
namespace {

Clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(seconds));
}

double SecondsOf(clockid_t clock) {
  timespec time = {};
  if (clock_gettime(clock, &time) != 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

double CpuSeconds(pid_t pid) {
  clockid_t clock;
  if (clock_getcpuclockid(pid, &clock) != 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return SecondsOf(clock);
}

double ThreadCpuSeconds() { return SecondsOf(CLOCK_THREAD_CPUTIME_ID); }

Meter::Meter(double warm_up_seconds, double seconds, Takes takes,
             pid_t server_pid)
    : takes_(takes),
      server_pid_(server_pid),
      duration_(Seconds(seconds)),
      warm_(Clock::now() + Seconds(warm_up_seconds)) {
  // Enough for the fastest system, and touched, because page faults would be
  // measured.
  if (takes == Takes::kIntervals) {
    intervals_.resize(static_cast<size_t>(seconds * 1e6) + 1024);
    intervals_.clear();
  }
}

bool Meter::Look() {
  if (ended_) return false;
  Clock::time_point now = Clock::now();
  if (!counts_) {
    if (now < warm_) return true;
    counts_ = true;
    operations_ = 0;
    cpu_begin_ = Cpu();
    begin_ = last_ = Clock::now();
    return true;
  }
  if (takes_ == Takes::kIntervals) {
    const auto interval =
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_);
    intervals_.push_back(static_cast<uint32_t>(std::min<int64_t>(
        interval.count(), std::numeric_limits<uint32_t>::max())));
    last_ = now;
  }
  if (now - begin_ < duration_) return true;
  seconds_ = std::chrono::duration<double>(now - begin_).count();
  cpu_seconds_ = Cpu() - cpu_begin_;
  ended_ = true;
  return false;
}

double Meter::Cpu() const {
  return CpuSeconds(0) + (server_pid_ > 0 ? CpuSeconds(server_pid_) : 0);
}

double PercentileMicros(std::vector<uint32_t>& nanoseconds, double fraction) {
  if (nanoseconds.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto at = nanoseconds.begin() +
                  static_cast<ptrdiff_t>(
                      fraction * static_cast<double>(nanoseconds.size() - 1));
  std::nth_element(nanoseconds.begin(), at, nanoseconds.end());
  return *at * 1e-3;
}

}  // namespace fdrpc::bench
