#include "client/waiting_threads.h"

#include <cassert>
#include <utility>

namespace fdrpc {
namespace {

void GiveToken(Parker& parker, ChannelLock& lock) {
  if (parker.Give() == Parker::ThreadState::kAsleep) {
    lock.WakeLater({parker.address()});
  }
}

}  // namespace

void WaitingThread::Wake(ChannelLock& lock) {
  if (among != nullptr) {
    among->Wake(*this, lock);
  } else if (pauses) {
    GiveToken(parker, lock);
  }
}

absl::StatusOr<WaitingThreads> WaitingThreads::Create() {
  absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
  if (!wakeup.ok()) return wakeup.status();
  return WaitingThreads(*std::move(wakeup));
}

WaitingThreads::WaitingThreads(WaitingThreads&& other) noexcept
    : wakeup_(std::move(other.wakeup_)) {}

void WaitingThreads::BeginReading(WaitingThread& thread) {
  assert(reader_ == nullptr);
  reader_ = &thread;
  thread.among = this;
  others_wait_.store(!parked_.empty(), std::memory_order_relaxed);
  // It has not looked yet.
  wakeup_pending_.store(false, std::memory_order_relaxed);
}

void WaitingThreads::EndReading() {
  reader_->among = nullptr;
  reader_ = nullptr;
}

bool WaitingThreads::BeginSleep() {
  reader_sleeps_.store(true);
  if (!wakeup_pending_.load()) return true;
  reader_sleeps_.store(false);
  return false;
}

void WaitingThreads::EndSleep(bool woken) {
  reader_sleeps_.store(false);
  if (woken) wakeup_.Clear();
}

void WaitingThreads::Park(WaitingThread& thread) {
  thread.among = this;
  thread.parked_index = parked_.size();
  parked_.push_back(&thread);
  others_wait_.store(true, std::memory_order_relaxed);
}

void WaitingThreads::Unpark(WaitingThread& thread) {
  WaitingThread* last = parked_.back();
  parked_[thread.parked_index] = last;
  last->parked_index = thread.parked_index;
  parked_.pop_back();
  thread.parked_index = WaitingThread::kNotParked;
  thread.among = nullptr;
}

bool WaitingThreads::PassReading(ChannelLock& lock) {
  if (parked_.empty()) return false;
  if (reader_ == nullptr) Wake(*parked_.back(), lock);
  return true;
}

void WaitingThreads::Wake(WaitingThread& thread, ChannelLock& lock) {
  if (&thread == reader_) {
    WakeReader();
  } else {
    GiveToken(thread.parker, lock);
  }
}

void WaitingThreads::WakeReader() {
  if (!wakeup_pending_.exchange(true) && reader_sleeps_.load()) {
    wakeup_.Notify();
  }
}

}  // namespace fdrpc
