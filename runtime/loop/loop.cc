#include "fdrpc/loop.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/monotonic_time.h"
#include "loop/loop_core.h"

namespace fdrpc {

absl::StatusOr<Loop> Loop::Create(const LoopOptions& options) {
  absl::StatusOr<std::shared_ptr<LoopCore>> core =
      LoopCore::Create(options.max_busy_poll);
  if (!core.ok()) return core.status();
  return Loop(*std::move(core));
}

absl::StatusOr<Loop> Loop::OfProcess() {
  absl::StatusOr<std::shared_ptr<LoopCore>> core = LoopCore::Default();
  if (!core.ok()) return core.status();
  return Loop(*std::move(core));
}

void Loop::Run() { core_->Run(); }

void Loop::Stop() { core_->Stop(); }

int Loop::fd() const { return core_->fd(); }

absl::Duration Loop::next_timeout() const {
  const MonotonicTime next = core_->next_deadline();
  if (next == kNoDeadline) return absl::InfiniteDuration();
  if (next == MonotonicTime()) return absl::ZeroDuration();
  return std::max(absl::ZeroDuration(), TimeUntil(next, core_->clock().Now()));
}

void Loop::RunReady() { core_->RunReady(); }

void Loop::Post(absl::AnyInvocable<void()> function) {
  core_->Post(std::move(function));
}

std::shared_ptr<ContinuationRunner> Loop::runner() const { return core_; }

}  // namespace fdrpc
