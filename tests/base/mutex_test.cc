#include "base/mutex.h"

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

TEST(MutexTest, OneThreadAtATimeHoldsIt) {
  constexpr int kThreads = 4;
  constexpr int kTimes = 10'000;
  Mutex mu;
  int count = 0;  // guarded by mu
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < kTimes; ++i) {
          MutexLock lock(mu);
          ++count;
        }
      });
    }
  }
  EXPECT_EQ(count, kThreads * kTimes);
}

TEST(MutexTest, IsFreeAgainBehindTheScopeOfALock) {
  Mutex mu;
  for (int i = 0; i < 2; ++i) {
    MutexLock lock(mu);
    mu.AssertHeld();
  }
  mu.Lock();
  mu.Unlock();
}

// Two threads in turn, each waiting for the other.
TEST(CondVarTest, WakesAThreadThatWaits) {
  constexpr int kTurns = 1000;
  Mutex mu;
  CondVar changed;
  int turn = 0;  // guarded by mu
  const auto play = [&](int parity) {
    MutexLock lock(mu);
    while (turn < kTurns) {
      if (turn % 2 == parity) {
        ++turn;
        changed.Signal();
      } else {
        changed.Wait(mu);
      }
    }
    changed.Signal();
  };
  {
    std::jthread other([&] { play(1); });
    play(0);
  }
  EXPECT_EQ(turn, kTurns);
}

TEST(CondVarTest, WakesAllThreadsThatWait) {
  constexpr int kThreads = 4;
  Mutex mu;
  CondVar changed;
  int waiting = 0;  // guarded by mu, as is the next
  bool go = false;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      MutexLock lock(mu);
      ++waiting;
      changed.SignalAll();
      while (!go) changed.Wait(mu);
      --waiting;
    });
  }
  {
    MutexLock lock(mu);
    while (waiting < kThreads) changed.Wait(mu);
    go = true;
    changed.SignalAll();
  }
  threads.clear();
  EXPECT_EQ(waiting, 0);
}

TEST(CondVarTest, TheMutexIsFreeDuringAWaitAndHeldAfterIt) {
  Mutex mu;
  CondVar changed;
  bool changed_by_other = false;
  mu.Lock();
  std::jthread other([&] {
    MutexLock lock(mu);
    changed_by_other = true;
    changed.Signal();
  });
  while (!changed_by_other) changed.Wait(mu);
  mu.Unlock();
}

}  // namespace
}  // namespace fdrpc
