#ifndef FDRPC_TESTS_BENCH_METER_H_
#define FDRPC_TESTS_BENCH_METER_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace fdrpc::bench {

using Clock = std::chrono::steady_clock;

// The CPU time, user and system, that the process has used so far, in seconds;
// 0: this one.
double CpuSeconds(pid_t pid);
// The same of the calling thread.
double ThreadCpuSeconds();

// Says when a measurement of many operations is over, and what the result is.
// Operations before the end of the warm-up do not count.
//
//   while (meter.Next()) Operation();
//
// Threads: one.
class Meter {
 public:
  // kIntervals: operations are made one after the other, and the time from one
  // Next() to the next is the duration of one. kRate: they overlap; the clock
  // is read only now and then.
  enum class Takes { kIntervals, kRate };
  // `server_pid`: the process whose CPU time is added to this one's.
  Meter(double warm_up_seconds, double seconds, Takes takes, pid_t server_pid);

  // An operation has ended, if one had begun. False: it is enough.
  bool Next() {
    ++operations_;
    if (takes_ == Takes::kRate && operations_ % kLook != 0) return !ended_;
    return Look();
  }

  uint64_t operations() const { return operations_; }
  double seconds() const { return seconds_; }
  double cpu_seconds() const { return cpu_seconds_; }
  // In nanoseconds, in order.
  const std::vector<uint32_t>& intervals() const { return intervals_; }

 private:
  static constexpr uint64_t kLook = 32;

  bool Look();
  double Cpu() const;

  const Takes takes_;
  const pid_t server_pid_;
  const Clock::duration duration_;
  const Clock::time_point warm_;
  bool counts_ = false;
  bool ended_ = false;
  uint64_t operations_ = 0;
  Clock::time_point begin_;
  Clock::time_point last_;
  double cpu_begin_ = 0;
  double seconds_ = 0;
  double cpu_seconds_ = 0;
  std::vector<uint32_t> intervals_;
};

// The value that a fraction of them, such as 0.99, does not exceed, in
// microseconds. Reorders them.
double PercentileMicros(std::vector<uint32_t>& nanoseconds, double fraction);

}  // namespace fdrpc::bench

#endif  // FDRPC_TESTS_BENCH_METER_H_
