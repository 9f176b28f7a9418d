#include "loop/loop_core.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "fdrpc/loop.h"
#include "os/detached_thread.h"
#include "os/per_process.h"

namespace fdrpc {
namespace {

constexpr uint64_t kWakeupToken = 0;
constexpr size_t kMostEvents = 64;
// How many continuations run before the loop looks at descriptors again.
constexpr int kMostContinuations = 256;
// After this many of them, what they have queued is written.
constexpr int kContinuationsPerWrite = 16;
// How long they run before it does. The clock that is read for that is coarser
// on most machines (4 ms at 250 Hz).
constexpr std::chrono::milliseconds kLongestTurn{2};

// What Default() has made.
struct DefaultLoop {
  Mutex mu;
  std::shared_ptr<LoopCore> loop ABSL_GUARDED_BY(mu);
};
constinit PerProcess<DefaultLoop> default_loop;

}  // namespace

// During its lifetime, the thread has the signal mask that users' code should
// have; programs that this code starts (posix_spawn(3), popen(3)) inherit it.
class LoopCore::UserSignalScope {
 public:
  explicit UserSignalScope(const std::optional<sigset_t>& mask)
      : changed_(mask.has_value()) {
    if (changed_) pthread_sigmask(SIG_SETMASK, &*mask, &former_);
  }
  ~UserSignalScope() {
    if (changed_) pthread_sigmask(SIG_SETMASK, &former_, nullptr);
  }
  UserSignalScope(const UserSignalScope&) = delete;
  UserSignalScope& operator=(const UserSignalScope&) = delete;

 private:
  const bool changed_;
  sigset_t former_;
};

// While it runs the program's code, the thread takes the signals that the
// thread that makes it takes. False if the system cannot start a thread.
bool LoopCore::StartThread(std::shared_ptr<LoopCore> loop) {
  std::optional<sigset_t>& users_mask = loop->users_mask_;
  return StartDetachedThread([loop = std::move(loop)] { loop->Run(); },
                             &users_mask);
}

// Is in its loop's list until it runs.
class LoopCore::PostedFunction final : public Continuation {
 public:
  PostedFunction(LoopCore& loop, absl::AnyInvocable<void()> function)
      : loop_(loop), function_(std::move(function)) {}

  void SetPlace(std::list<PostedFunction>::iterator place) { place_ = place; }

 private:
  void Run() override {
    std::list<PostedFunction> own;  // itself, until it has returned
    {
      MutexLock lock(loop_.mu_);
      own.splice(own.begin(), loop_.functions_, place_);
    }
    function_();
  }

  LoopCore& loop_;
  absl::AnyInvocable<void()> function_;
  std::list<PostedFunction>::iterator place_;
};

thread_local LoopCore* LoopCore::current_ = nullptr;

absl::StatusOr<std::shared_ptr<LoopCore>> LoopCore::Create(
    absl::Duration max_busy_poll, const Clock& clock) {
  absl::StatusOr<Poller> poller = Poller::Create();
  if (!poller.ok()) return poller.status();
  absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
  if (!wakeup.ok()) return wakeup.status();
  absl::Status added = poller->Add(wakeup->fd(), kWakeupToken, {});
  if (!added.ok()) return added;
  return std::shared_ptr<LoopCore>(new LoopCore(
      *std::move(poller), *std::move(wakeup), max_busy_poll, clock));
}

absl::StatusOr<std::shared_ptr<LoopCore>> LoopCore::Default() {
  DefaultLoop& made = default_loop.Get();
  MutexLock lock(made.mu);
  if (made.loop != nullptr) return made.loop;
  absl::StatusOr<std::shared_ptr<LoopCore>> created =
      Create(LoopOptions().max_busy_poll);
  if (!created.ok()) return created;
  if (!StartThread(*created)) {
    return absl::ResourceExhaustedError(
        "the system cannot start a thread for callbacks (RLIMIT_NPROC, pids "
        "cgroup)");
  }
  made.loop = *std::move(created);
  return made.loop;
}

LoopCore::LoopCore(Poller poller, Wakeup wakeup, absl::Duration max_busy_poll,
                   const Clock& clock)
    : clock_(clock),
      poller_(std::move(poller)),
      wakeup_(std::move(wakeup)),
      busy_poll_(max_busy_poll) {}

LoopCore::~LoopCore() = default;

absl::Status LoopCore::CheckProcess() const {
  if (!inherited_by_fork()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the loop was inherited through fork(); make a new one in the child");
}

absl::StatusOr<uint64_t> LoopCore::Watch(int fd, std::weak_ptr<Source> source) {
  absl::Status usable = CheckProcess();
  if (!usable.ok()) return usable;
  MutexLock lock(mu_);
  const uint64_t token = next_token_++;
  absl::Status added = poller_.Add(fd, token, {.edge_triggered = true});
  if (!added.ok()) return added;
  sources_.emplace(token, std::move(source));
  return token;
}

void LoopCore::WatchRoom(int fd, uint64_t token, bool watch) {
  if (inherited_by_fork()) return;
  // For a descriptor in the set, this fails only if memory is short; the loss
  // is noticed when the peer closes.
  (void)poller_.Change(fd, token, {.writable = watch, .edge_triggered = true});
}

void LoopCore::Unwatch(int fd, uint64_t token) {
  if (inherited_by_fork()) return;
  MutexLock lock(mu_);
  poller_.Remove(fd);
  sources_.erase(token);
}

void LoopCore::Wake(std::weak_ptr<Source> source) {
  MutexLock lock(mu_);
  if (to_wake_.empty()) Interrupt();
  to_wake_.push_back(std::move(source));
}

void LoopCore::SetTimer(Timer& timer, MonotonicTime at,
                        std::weak_ptr<Source> source) {
  MutexLock lock(mu_);
  const MonotonicTime next = timers_.next();
  timers_.Set(timer, at);
  timer.source_ = std::move(source);
  timer.loop_.store(this, std::memory_order_relaxed);
  if (timers_.next() < next) Interrupt();
}

void LoopCore::CancelTimer(Timer& timer) {
  if (inherited_by_fork()) return;
  MutexLock lock(mu_);
  timers_.Cancel(timer);
  timer.loop_.store(nullptr, std::memory_order_relaxed);
}

void LoopCore::Post(Continuation& continuation) {
  MutexLock lock(mu_);
  continuations_.PushBack(continuation);
  Interrupt();
}

void LoopCore::Post(absl::AnyInvocable<void()> function) {
  MutexLock lock(mu_);
  functions_.emplace_back(*this, std::move(function));
  functions_.back().SetPlace(std::prev(functions_.end()));
  continuations_.PushBack(functions_.back());
  Interrupt();
}

bool LoopCore::Remove(Continuation& continuation) {
  MutexLock lock(mu_);
  return continuations_.Remove(continuation);
}

void LoopCore::Stop() {
  MutexLock lock(mu_);
  stopped_ = true;
  Interrupt();
}

void LoopCore::Interrupt() {
  // The loop's own thread looks before it waits.
  if (OnThisThread() || std::exchange(interrupted_, true)) return;
  wakeup_.Notify();
}

void LoopCore::Run() {
  const bool taken = thread_->Take();
  while (true) {
    {
      MutexLock lock(mu_);
      if (std::exchange(stopped_, false)) break;
    }
    RunOnce(kNoDeadline);
  }
  if (taken) thread_->Leave();
}

void LoopCore::RunUntil(const std::atomic<bool>& done) {
  if (inherited_by_fork()) return;
  if (!thread_->Borrow(done)) return;
  while (!done.load()) RunOnce(kNoDeadline);
  thread_->Return();
}

MonotonicTime LoopCore::next_deadline() {
  // Timers that were destroyed in the child are still linked in its copy.
  if (inherited_by_fork()) return kNoDeadline;
  MutexLock lock(mu_);
  if (!continuations_.empty() || !to_wake_.empty()) return MonotonicTime();
  return timers_.next();
}

void LoopCore::RunOnce(MonotonicTime deadline) {
  // It would remove the parent's descriptors from the epoll set that they
  // share.
  FDRPC_CHECK(!inherited_by_fork(),
              "a loop that was inherited through fork() runs: make a new one "
              "in the child");
  LoopCore* const outer = std::exchange(current_, this);
  Poller::Event events[kMostEvents];
  const absl::Span<Poller::Event> ready =
      Wait(absl::MakeSpan(events), std::min(deadline, next_deadline()));
  for (const Poller::Event& event : ready) {
    std::shared_ptr<Source> source;
    {
      MutexLock lock(mu_);
      if (event.token == kWakeupToken) {
        wakeup_.Clear();
        interrupted_ = false;
        continue;
      }
      auto it = sources_.find(event.token);
      if (it != sources_.end()) source = it->second.lock();
    }
    if (source != nullptr) source->OnReady(event);
  }
  RunTimers();
  RunContinuations();
  EndBatch();
  current_ = outer;
  MutexLock lock(mu_);
  // The rest, and what this thread has added, is for the next time: an outer
  // loop that waits for fd() must be told.
  if (!continuations_.empty() || !to_wake_.empty() ||
      timers_.next() == MonotonicTime()) {
    Interrupt();
  }
}

absl::Span<Poller::Event> LoopCore::Wait(absl::Span<Poller::Event> events,
                                         MonotonicTime deadline) {
  // It must not wait.
  if (deadline == MonotonicTime()) return poller_.Wait(events, deadline);
  MonotonicTime now = clock_.Now();
  const BusyPoll::Wait wait = busy_poll_.Begin(now);
  const MonotonicTime until = std::min(wait.until, deadline);
  absl::Span<Poller::Event> ready;
  auto came = BusyPoll::Arrival::kBefore;
  while (now < until) {
    ready = poller_.Wait(events, MonotonicTime());
    now = clock_.Now();
    if (!ready.empty()) break;
    came = BusyPoll::Arrival::kLater;
  }
  if (ready.empty()) {
    ready = poller_.Wait(events, clock_.SleepUntil(deadline));
    now = clock_.Now();
  }
  if (!ready.empty()) busy_poll_.OnArrival(wait, now, came);
  return ready;
}

void LoopCore::RunTimers() {
  // A source that wants to be called again at once is, after the others.
  std::vector<std::weak_ptr<Source>> woken;
  {
    MutexLock lock(mu_);
    woken.swap(to_wake_);
    if (timers_.next() != kNoDeadline) {
      const MonotonicTime now = clock_.Now();
      while (TimerQueue::Timer* const expired = timers_.TakeExpired(now)) {
        auto& timer = static_cast<Timer&>(*expired);
        woken.push_back(std::move(timer.source_));
        // Last, because afterwards its owner may release it without the lock.
        timer.loop_.store(nullptr, std::memory_order_release);
      }
    }
  }
  for (const std::weak_ptr<Source>& each : woken) {
    if (auto source = each.lock()) source->OnWake();
  }
}

void LoopCore::RunContinuations() {
  Continuation* next = NextContinuation();
  if (next == nullptr) return;
  const UserSignalScope signals(users_mask_);
  turn_began_ = clock_.CoarseNow();
  for (int i = 1; next != nullptr; ++i) {
    // An exception of a callback ends the process here, since it would leave
    // the loop in the middle of this.
    [next]() noexcept { next->Run(); }();
    // So that the peer has something to do meanwhile.
    if (i % kContinuationsPerWrite == 0) EndBatch();
    next =
        i < kMostContinuations && !TurnIsOver() ? NextContinuation() : nullptr;
  }
}

bool LoopCore::TurnIsOver() const {
  assert(OnThisThread());
  return clock_.CoarseNow() - turn_began_ >= kLongestTurn;
}

Continuation* LoopCore::NextContinuation() {
  MutexLock lock(mu_);
  return continuations_.PopFront();
}

void LoopCore::EndBatch() {
  while (!at_batch_end_.empty()) {
    for (const auto& source : std::exchange(at_batch_end_, {})) {
      source->OnBatchEnd();
    }
  }
}

}  // namespace fdrpc
