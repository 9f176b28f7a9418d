#include "client/waiting_threads.h"

#include <utility>

namespace fdrpc {
namespace {

void GiveToken(Parker& parker, ToWake& to_wake) {
  if (parker.Give() == Parker::Was::kAsleep) {
    to_wake.push_back(parker.address());
  }
}

}  // namespace

void WaitingThread::Wake(ToWake& to_wake) {
  if (among != nullptr) {
    among->Wake(*this, to_wake);
  } else if (pauses) {
    GiveToken(parker, to_wake);
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

bool WaitingThreads::PassReading(ToWake& to_wake) {
  if (parked_.empty()) return false;
  if (reader_ == nullptr) Wake(*parked_.back(), to_wake);
  return true;
}

void WaitingThreads::Wake(WaitingThread& thread, ToWake& to_wake) {
  if (&thread == reader_) {
    WakeReader();
  } else {
    GiveToken(thread.parker, to_wake);
  }
}

void WaitingThreads::WakeReader() {
  if (!wakeup_pending_.exchange(true) && reader_sleeps_.load()) {
    wakeup_.Notify();
  }
}

}  // namespace fdrpc
