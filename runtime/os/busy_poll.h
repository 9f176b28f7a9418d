#ifndef FDRPC_OS_BUSY_POLL_H_
#define FDRPC_OS_BUSY_POLL_H_

#include <atomic>
#include <cstddef>

#include "absl/time/time.h"
#include "base/monotonic_time.h"

namespace fdrpc {

// For how long one that waits for its peer polls before it sleeps.
//
// To wake a sleeping CPU costs more than all the rest of a call, so a wait that
// will be short is best spent polling; one that will not only burns the CPU.
// Which it will be is learnt from those before: it polls while what it waits
// for has been coming quickly, and while it comes back to waiting quickly
// itself (else the peer sleeps by then). And only while polling pays. On a
// machine that is busy with other things, who polls may keep its peer from
// running, so that nothing comes before it sleeps, or comes later than if it
// had slept at once: both ways are measured, the other one by some waits now
// and then, and more must come with polling. When too many polls have been
// in vain, some waits do without, more each time, then one tries again. Never
// where there is one CPU only.
//
// One thread at a time; the waits of several may overlap.
class BusyPoll {
 public:
  // Polls from `began` until `until`, then sleeps; where they are the same, it
  // sleeps at once.
  struct Wait {
    bool polls() const { return until > began; }

    bool expects_arrival = false;  // soon
    MonotonicTime began;
    MonotonicTime until;
  };

  // Whether others may run on the CPU between two polls.
  enum class Yields {
    kNo,   // so what comes only after the polling, it may have kept away
    kYes,  // so a poll is in vain only if the others keep the CPU
  };
  // A wait polls for at most `longest`; zero: never.
  explicit BusyPoll(absl::Duration longest, Yields yields = Yields::kNo);

  // A wait begins.
  Wait Begin(MonotonicTime now);
  // Whether the calling thread may run on more than one CPU.
  static bool HasSeveralCpus();
  // Makes the system calls that polling makes at times, once in the process: so
  // a filter of system calls, seccomp(2), that forbids one shows it at the
  // start of a program and not when calls first come densely.
  static void PrepareSystemCalls();
  // Whether what is waited for is likely to come soon, so that it has.
  bool expects_arrival() const { return confidence_ > 0; }
  // Whether more than a few of the next waits do without polling. Any thread.
  bool rests() const {
    return waits_without_.load(std::memory_order_relaxed) > kFewWaits;
  }
  // When what was waited for came: before the first look, which says nothing
  // of what polling is worth, or later, during the polling or the sleep. And
  // how much came.
  enum class Came { kBefore, kLater };
  void OnArrival(const Wait& wait, MonotonicTime now, Came came = Came::kLater,
                 size_t count = 1);

 private:
  static constexpr int kFewWaits = 8;
  using Nanoseconds = std::chrono::nanoseconds;

  // Of values since it began anew, at most so many, roughly. 0: of none.
  class Mean {
   public:
    explicit Mean(int most) : most_(most) {}
    void BeginAnew() { count_ = 0; }
    void Add(Nanoseconds value) {
      if (count_ < most_) ++count_;
      value_ += (value - value_) / count_;
    }
    Nanoseconds value() const { return value_; }

   private:
    const int most_;
    int count_ = 0;
    Nanoseconds value_{0};
  };

  // Whether this wait is one that does without.
  bool SleepsOnce();
  // So long after what came last, so much came.
  void Measure(const Wait& wait, Nanoseconds passed, size_t count);
  bool IsSlowerThanBefore() const;
  bool Pays() const;
  // A poll has ended. `of_use`: it saw what it polled for come, and polling
  // pays; `most_waits`: how many waits are to do without at most, if not.
  void OnPolled(bool of_use, int most_waits);

  const Nanoseconds longest_;
  const Yields yields_;
  MonotonicTime last_arrival_;
  int confidence_ = 0;
  // How polls have fared of late; waits that are not to poll, and how many
  // those will be the next time.
  int trust_ = 0;
  std::atomic<int> waits_without_{0};
  int pause_ = 1;
  // The time from one arrival to the next of late, where waits poll and where
  // they do not, while arrivals are expected.
  Mean polling_{32};
  Mean sleeping_{32};
  Nanoseconds polling_before_{0};  // when sleeping was last looked at
  // Polls until the other way is measured, and how many are between.
  int polls_until_sample_;
  int polls_between_samples_;
};

// Between two polls: lets another thread run that is ready to.
void YieldCpu();

}  // namespace fdrpc

#endif  // FDRPC_OS_BUSY_POLL_H_
