// Writes that a pool's threads defer, to be done together with others; and
// handlers that become slow.

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <thread>

#include "gtest/gtest.h"
#include "server/worker_pool.h"
#include "tests/server/pool_fixture.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::testing {
namespace {

using PollResult = WorkerPool::PollResult;

class CountedWrite final : public DeferredWrite {
 public:
  void WriteNow() override {
    ++written;
    written.notify_all();
  }
  void AwaitWritten() { written.wait(0); }

  std::atomic<int> written{0};
};

class DeferredWriteTest : public ::testing::Test {
 protected:
  DeferredWriteTest() { EXPECT_TRUE(pool().Start().ok()); }

  WorkerPool& pool() { return fixture_.pool(); }
  // On a thread of the pool. Something is queued that the pool must do first;
  // if another thread takes it earlier, there is more.
  void DeferWrite(const std::shared_ptr<CountedWrite>& write) {
    while (!pool().DeferWrite(write)) pool().Post(PoolTask::Make([] {}));
  }
  // On a thread of the pool, which gets what it waits for at once.
  void ParkForNothing() {
    Parker parker;
    EXPECT_EQ(parker.Give(), Parker::ThreadState::kAwake);
    EXPECT_TRUE(pool().Park(parker, kNoDeadline));
  }

  ExpectSameDescriptors census_;
  PoolFixture fixture_{4};
};

TEST_F(DeferredWriteTest, WhatIsDeferredIsWrittenOnceTheQueueIsEmpty) {
  for (int i = 0; i < 100; ++i) {
    const auto write = std::make_shared<CountedWrite>();
    std::latch begun(1);
    fixture_.Arrive({[&] {
                       DeferWrite(write);
                       begun.count_down();
                     },
                     [] {}});
    begun.wait();
    write->AwaitWritten();
    fixture_.AwaitPolling();
    EXPECT_EQ(write->written, 1);
  }
}

TEST_F(DeferredWriteTest, NothingIsDeferredThatNothingFollows) {
  std::latch done(1);
  fixture_.Arrive({[&] {
    EXPECT_FALSE(pool().DeferWrite(std::make_shared<CountedWrite>()));
    done.count_down();
  }});
  done.wait();
}

TEST_F(DeferredWriteTest, NothingIsDeferredByThreadsOfOthers) {
  // It has no thread yet, so something is queued.
  PoolFixture waiting(4);
  Probe queued;
  waiting.pool().Post(queued);
  const auto write = std::make_shared<CountedWrite>();
  EXPECT_FALSE(waiting.pool().DeferWrite(write));
  std::latch done(1);
  fixture_.Arrive({[&] {
    EXPECT_FALSE(waiting.pool().DeferWrite(write));
    done.count_down();
  }});
  done.wait();
  ASSERT_TRUE(waiting.pool().Start().ok());
  queued.ran.wait();
  waiting.Stop();
  EXPECT_EQ(write->written, 0);
}

TEST_F(DeferredWriteTest, AHandlerThatBlocksDoesNotKeepWhatIsDeferred) {
  for (int i = 0; i < 10; ++i) {
    std::latch done(1);
    fixture_.Arrive({[&] {
      const auto write = std::make_shared<CountedWrite>();
      DeferWrite(write);
      // Nobody was told that it blocks.
      write->AwaitWritten();
      done.count_down();
    }});
    done.wait();
  }
}

TEST_F(DeferredWriteTest, TheNextHandlerDoesNotKeepWhatIsDeferred) {
  for (int i = 0; i < 10; ++i) {
    const auto write = std::make_shared<CountedWrite>();
    std::latch done(2);  // they may run at the same time
    fixture_.Arrive({[&] {
                       DeferWrite(write);
                       done.count_down();
                     },
                     [&] {
                       write->AwaitWritten();
                       done.count_down();
                     }});
    done.wait();
  }
}

TEST_F(DeferredWriteTest, WhatHasWaitedForLongIsWrittenBeforeTheNextHandler) {
  constexpr int kRounds = 20;
  int in_time = 0;
  for (int i = 0; i < kRounds; ++i) {
    const auto write = std::make_shared<CountedWrite>();
    std::latch done(2);  // they may run at the same time
    fixture_.Arrive({[&] {
                       DeferWrite(write);
                       const MonotonicTime now = Clock::Real().Now();
                       while (Clock::Real().Now() <
                              now + std::chrono::microseconds(50)) {
                       }
                       done.count_down();
                     },
                     [&] {
                       in_time += write->written;
                       done.count_down();
                     }});
    done.wait();
  }
  // If the machine takes the CPU away, another thread writes a little later.
  EXPECT_GE(in_time, kRounds / 2);
}

TEST_F(DeferredWriteTest, WhoIsAboutToBlockWritesFirst) {
  constexpr int kRounds = 20;
  int in_time = 0;
  for (int i = 0; i < kRounds; ++i) {
    std::latch done(1);
    fixture_.Arrive({[&] {
      const auto write = std::make_shared<CountedWrite>();
      DeferWrite(write);
      ParkForNothing();
      in_time += write->written;
      done.count_down();
    }});
    done.wait();
  }
  EXPECT_GE(in_time, kRounds / 2);
}

TEST_F(DeferredWriteTest, WhatIsDeferredWhenThePoolStopsIsWrittenYet) {
  const auto write = std::make_shared<CountedWrite>();
  std::latch begun(1);
  fixture_.Arrive({[&] {
    DeferWrite(write);
    pool().Stop();
    EXPECT_FALSE(pool().DeferWrite(std::make_shared<CountedWrite>()));
    begun.count_down();
  }});
  begun.wait();
  fixture_.Stop();
  EXPECT_EQ(write->written, 1);
}

TEST_F(DeferredWriteTest, ManyAreWrittenOnceEach) {
  constexpr int kTasks = 2000;
  std::atomic<int> written = 0;
  std::latch done(kTasks);
  struct Write : DeferredWrite {
    Write(std::atomic<int>& written, std::latch& done)
        : written(written), done(done) {}
    void WriteNow() override {
      ++written;
      done.count_down();
    }
    std::atomic<int>& written;
    std::latch& done;
  };
  for (int i = 0; i < kTasks; ++i) {
    pool().Post(PoolTask::Make([&, i] {
      const auto write = std::make_shared<Write>(written, done);
      if (!pool().DeferWrite(write)) write->WriteNow();
      if (i % 100 == 0) ParkForNothing();
    }));
  }
  done.wait();
  fixture_.Stop();
  EXPECT_EQ(written, kTasks);
}

class PatienceTest : public ::testing::TestWithParam<PollResult> {};
INSTANTIATE_TEST_SUITE_P(Idle, PatienceTest,
                         ::testing::Values(PollResult::kNothing,
                                           PollResult::kNothingYet));

TEST_P(PatienceTest, AHandlerThatTurnsSlowAfterManyQuickOnesIsTakenOverFrom) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4, GetParam());
  ASSERT_TRUE(fixture.pool().Start().ok());
  for (int i = 0; i < 5; ++i) {
    constexpr int kQuick = 500;
    std::latch quick(kQuick);
    for (int j = 0; j < kQuick; ++j) {
      fixture.Arrive({[&] { quick.count_down(); }});
    }
    quick.wait();
    std::latch begun(1);
    std::latch found(1);
    std::latch done(1);
    fixture.Arrive({[&] {
      begun.count_down();
      found.wait();
      done.count_down();
    }});
    begun.wait();
    const MonotonicTime from = Clock::Real().Now();
    fixture.Arrive({[&] { found.count_down(); }});
    done.wait();
    // It takes milliseconds; the limit is for busy machines.
    EXPECT_LT(Clock::Real().Now() - from, std::chrono::seconds(1));
  }
  fixture.Stop();
}

TEST_P(PatienceTest, WhatAPollPostsThatFindsNothingRunsBeforeItSleeps) {
  ExpectSameDescriptors census;
  Probe probe;
  std::shared_ptr<WorkerPool> pool;
  std::atomic<bool> posted = false;
  std::latch interrupted(1);
  const auto poll = [&](bool sleeps) {
    if (sleeps && posted) interrupted.wait();
    if (!sleeps && !posted.exchange(true)) pool->Post(probe);
    return sleeps ? PollResult::kSomething : GetParam();
  };
  pool = *WorkerPool::Create(4, poll, [&] { interrupted.count_down(); });
  ASSERT_TRUE(pool->Start().ok());
  probe.ran.wait();
  pool->Stop();
  pool->JoinThreads();
}

}  // namespace
}  // namespace fdrpc::testing
