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
  absl::StatusOr<Parts> parts = Parts::Create();
  if (!parts.ok()) return parts.status();
  return std::shared_ptr<LoopCore>(
      new LoopCore(*std::move(parts), max_busy_poll, clock));
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

LoopCore::LoopCore(Parts parts, absl::Duration max_busy_poll,
                   const Clock& clock)
    : Reactor(std::move(parts), max_busy_poll, clock) {}

LoopCore::~LoopCore() = default;

void LoopCore::Post(Continuation& continuation) {
  MutexLock lock(mu_);
  continuations_.PushBack(continuation);
  Notify();
}

void LoopCore::Post(absl::AnyInvocable<void()> function) {
  MutexLock lock(mu_);
  functions_.emplace_back(*this, std::move(function));
  functions_.back().SetPlace(std::prev(functions_.end()));
  continuations_.PushBack(functions_.back());
  Notify();
}

bool LoopCore::Remove(Continuation& continuation) {
  MutexLock lock(mu_);
  return continuations_.Remove(continuation);
}

void LoopCore::Stop() {
  MutexLock lock(mu_);
  stopped_ = true;
  Notify();
}

void LoopCore::Run() {
  const bool taken = thread_->Take();
  while (true) {
    {
      MutexLock lock(mu_);
      if (std::exchange(stopped_, false)) break;
    }
    RunOnce(/*waits=*/true);
  }
  EndRun();
  if (taken) thread_->Leave();
}

void LoopCore::RunReady() {
  thread_->TakeForGood();
  RunOnce(/*waits=*/false);
  EndRun();
}

void LoopCore::RunUntil(const std::atomic<bool>& done) {
  if (inherited_by_fork()) return;
  if (!thread_->Borrow(done)) return;
  while (!done.load()) RunOnce(/*waits=*/true);
  EndRun();
  thread_->Return();
}

MonotonicTime LoopCore::next_deadline() {
  if (inherited_by_fork()) return kNoDeadline;
  {
    MutexLock lock(mu_);
    if (!continuations_.empty()) return MonotonicTime();
  }
  return Reactor::next_deadline();
}

void LoopCore::RunOnce(bool waits) {
  // It would remove the parent's descriptors from the epoll set that they
  // share.
  FDRPC_CHECK(!inherited_by_fork(),
              "a loop that was inherited through fork() runs: make a new one "
              "in the child");
  LoopCore* const outer = std::exchange(current_, this);
  BeginRun();
  if (!waits || next_deadline() == MonotonicTime()) {
    Look();
  } else if (Poll() != PollResult::kSomething) {
    Sleep();
  }
  RunContinuations();
  EndBatch();
  current_ = outer;
}

void LoopCore::EndRun() {
  Reactor::EndRun();
  // The rest, and what this thread has added, is for the next time: an outer
  // loop that waits for fd() must be told.
  if (next_deadline() == MonotonicTime()) Interrupt();
}

void LoopCore::RunContinuations() {
  Continuation* next = NextContinuation();
  if (next == nullptr) return;
  const UserSignalScope signals(users_mask_);
  turn_began_ = clock().CoarseNow();
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
  return clock().CoarseNow() - turn_began_ >= kLongestTurn;
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
