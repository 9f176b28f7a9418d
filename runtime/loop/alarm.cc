#include "fdrpc/alarm.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/check.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "loop/loop_core.h"

namespace fdrpc {

// A time that was set. Whoever takes the function calls it.
class Alarm::Time final : public LoopCore::Source {
 public:
  Time(const std::shared_ptr<LoopCore>& loop, MonotonicTime at, Function done)
      : loop_(loop), at_(at), done_(std::move(done)) {}

  // Starts the timer.
  static void Begin(const std::shared_ptr<Time>& time) {
    if (auto loop = time->loop_.lock()) {
      loop->SetTimer(time->timer_, time->at_, time);
    }
  }
  // Stops the timer, unless the loop is about to call the function.
  void Cancel() {
    if (auto loop = loop_.lock()) loop->CancelTimer(timer_);
  }
  // On the loop's thread.
  void End(bool rang) {
    Function done = Take();
    if (done != nullptr) done(rang);
  }
  bool ended() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return done_ == nullptr;
  }
  Function Take() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return std::exchange(done_, nullptr);
  }

 private:
  void OnWake() override { End(true); }

  const std::weak_ptr<LoopCore> loop_;  // which may be what keeps this
  const MonotonicTime at_;
  LoopCore::Timer timer_;
  Mutex mu_;
  Function done_ ABSL_GUARDED_BY(mu_);
};

class Alarm::Core {
 public:
  explicit Core(std::shared_ptr<LoopCore> loop) : loop_(std::move(loop)) {}

  void Begin(std::shared_ptr<Time> time) ABSL_LOCKS_EXCLUDED(mu_) {
    FDRPC_CHECK(!inherited(),
                "an alarm is set in a loop that was inherited through fork()");
    std::shared_ptr<Time> former;
    {
      MutexLock lock(mu_);
      former = std::exchange(time_, time);
      // Under the lock, so that Cancel() finds it set.
      Time::Begin(time);
    }
    if (former != nullptr) End(std::move(former));
  }
  void Cancel() ABSL_LOCKS_EXCLUDED(mu_) {
    if (inherited()) return;
    std::shared_ptr<Time> time;
    {
      MutexLock lock(mu_);
      time = std::exchange(time_, nullptr);
    }
    if (time != nullptr) End(std::move(time));
  }
  void Drop(const std::shared_ptr<Time>& time) ABSL_LOCKS_EXCLUDED(mu_) {
    if (inherited()) return;
    time->Cancel();
    time->Take();
  }
  const std::shared_ptr<LoopCore>& loop() const { return loop_; }

 private:
  bool inherited() const { return !loop_->CheckProcess().ok(); }
  void End(std::shared_ptr<Time> time) {
    time->Cancel();
    // The loop may be about to call the function, if this keeps it alive that
    // long.
    if (time->ended()) return;
    loop_->Post([time = std::move(time)] { time->End(false); });
  }

  const std::shared_ptr<LoopCore> loop_;
  Mutex mu_;
  std::shared_ptr<Time> time_ ABSL_GUARDED_BY(mu_);  // the last one
};

Alarm::Alarm(std::shared_ptr<LoopCore> loop)
    : core_(std::make_shared<Core>(std::move(loop))) {}

Alarm::Alarm(const Loop& loop) : Alarm(loop.core_) {}

absl::StatusOr<Alarm> Alarm::Create() {
  absl::StatusOr<std::shared_ptr<LoopCore>> loop = LoopCore::Default();
  if (!loop.ok()) return loop.status();
  return Alarm(*std::move(loop));
}

Alarm::Alarm(Alarm&&) noexcept = default;

Alarm& Alarm::operator=(Alarm&& other) noexcept {
  const Alarm former(std::move(*this));
  core_ = std::move(other.core_);
  return *this;
}

Alarm::~Alarm() {
  if (core_ != nullptr) core_->Cancel();
}

void Alarm::Set(absl::Duration after, Function done) {
  core_->Begin(NewTime(*core_, after, std::move(done)));
}

void Alarm::Cancel() { core_->Cancel(); }

std::shared_ptr<Alarm::Time> Alarm::NewTime(const Core& core,
                                            absl::Duration after,
                                            Function done) {
  return std::make_shared<Time>(
      core.loop(), DeadlineAfter(core.loop()->clock().Now(), after),
      std::move(done));
}

void Alarm::Begin(Core& core, std::shared_ptr<Time> time) {
  core.Begin(std::move(time));
}

void Alarm::Drop(Core& core, const std::shared_ptr<Time>& time) {
  core.Drop(time);
}

}  // namespace fdrpc
