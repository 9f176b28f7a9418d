#ifndef FDRPC_OS_BUSY_POLL_H_
#define FDRPC_OS_BUSY_POLL_H_

#include <atomic>
#include <cstddef>

#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "os/polling_trial.h"

namespace fdrpc {

// Decides how long a thread that waits for its peer polls before it sleeps. It
// does not poll itself.
//
// Waking a sleeping CPU takes longer than the rest of a small call. So polling
// is best for a short wait, and only burns CPU time in a long one. BusyPoll
// predicts the next wait from the previous ones. It polls while arrivals have
// been quick, and while the thread itself comes back to waiting quickly
// (otherwise the peer has gone to sleep).
//
// It also polls only while polling pays. On a busy machine a thread that polls
// can keep its peer from running, so that nothing arrives before it sleeps, or
// arrives later than without polling: PollingTrial finds that out. After too
// many polls in vain, a number of waits do not poll, which grows with each
// failure, and then one tries again. With one CPU it never polls.
//
// Threads: one at a time; the waits of several threads may overlap.
class BusyPoll {
 public:
  // Poll from `began` until `until`, then sleep. If the two are equal, sleep at
  // once.
  struct Wait {
    bool polls() const { return until > began; }

    bool expects_arrival = false;  // soon
    MonotonicTime began;
    MonotonicTime until;
  };

  // Whether other threads may run on the CPU between two polls.
  enum class Yielding {
    kNo,   // an arrival after the polling may have been delayed by it
    kYes,  // a poll is in vain only if the others keep the CPU
  };
  // A wait polls for at most `longest`; zero means never.
  explicit BusyPoll(absl::Duration longest, Yielding yielding = Yielding::kNo);

  // Begins a wait.
  Wait Begin(MonotonicTime now);
  // Whether the calling thread may run on more than one CPU.
  static bool HasSeveralCpus();
  // Makes all system calls that polling uses, once in the process. So a
  // seccomp(2) filter that forbids one of them shows it at the start of the
  // program, and not later, under load.
  static void PrepareSystemCalls();
  // Whether the next arrival is likely to come soon.
  bool expects_arrival() const { return confidence_ > 0; }
  // Whether the next waits sleep, except for a few. Any thread.
  bool rests() const {
    return trial_.sleeps() ||
           waits_without_.load(std::memory_order_relaxed) > kFewWaits;
  }
  // When the arrival was seen: before the first look, which says nothing about
  // polling, or later, while polling or sleeping. `count`: how many frames or
  // events arrived.
  enum class Arrival { kBefore, kLater };
  void OnArrival(const Wait& wait, MonotonicTime now,
                 Arrival arrival = Arrival::kLater, size_t count = 1);

 private:
  static constexpr int kFewWaits = 8;
  using Nanoseconds = std::chrono::nanoseconds;

  // Whether this wait is to sleep without polling; counts it.
  bool SleepsOnce();
  // Judges a poll that has ended. `of_use`: it saw its arrival. Otherwise up to
  // `most_waits` of the next waits do not poll.
  void OnPolled(bool of_use, int most_waits);

  const Nanoseconds longest_;
  const Yielding yielding_;
  MonotonicTime last_arrival_;
  int confidence_ = 0;
  // How recent polls have fared; how many of the next waits do not poll, and
  // how many will not after the next failure.
  int trust_ = 0;
  std::atomic<int> waits_without_{0};
  int pause_ = 1;
  PollingTrial trial_;
};

// Lets another runnable thread run, between two polls.
void YieldCpu();

}  // namespace fdrpc

#endif  // FDRPC_OS_BUSY_POLL_H_
