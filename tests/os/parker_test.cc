#include "os/parker.h"

#include <atomic>
#include <memory>
#include <thread>

#include "gtest/gtest.h"

namespace fdrpc {
namespace {

MonotonicTime Past() { return Clock::Real().Now() - std::chrono::seconds(1); }

void GiveAndWake(Parker& parker) {
  const Parker::Address address = parker.address();
  if (parker.Give() == Parker::ThreadState::kAsleep) Parker::Wake(address);
}

TEST(ParkerTest, DoesNotSleepWhenItHasAToken) {
  Parker parker;
  EXPECT_EQ(parker.Give(), Parker::ThreadState::kAwake);
  EXPECT_TRUE(parker.Park(kNoDeadline));
}

TEST(ParkerTest, TakesTheTokenEvenAfterTheDeadline) {
  Parker parker;
  EXPECT_EQ(parker.Give(), Parker::ThreadState::kAwake);
  EXPECT_TRUE(parker.Park(Past()));
  EXPECT_FALSE(parker.Park(Past())) << "once";
}

TEST(ParkerTest, TokensDoNotAddUp) {
  Parker parker;
  EXPECT_EQ(parker.Give(), Parker::ThreadState::kAwake);
  EXPECT_EQ(parker.Give(), Parker::ThreadState::kAwake);
  EXPECT_TRUE(parker.Park(Past()));
  EXPECT_FALSE(parker.Park(Past()));
}

TEST(ParkerTest, EndsAtTheDeadlineAndNotBefore) {
  Parker parker;
  const MonotonicTime deadline =
      Clock::Real().Now() + std::chrono::milliseconds(2);
  EXPECT_FALSE(parker.Park(deadline));
  EXPECT_GE(Clock::Real().Now(), deadline);
}

TEST(ParkerTest, EndsAtOnceForDeadlinesThatTheKernelCannotTell) {
  Parker parker;
  EXPECT_FALSE(parker.Park(MonotonicTime()));
  EXPECT_FALSE(parker.Park(MonotonicTime() - std::chrono::nanoseconds(1)));
  EXPECT_FALSE(parker.Park(MonotonicTime::min()));
}

TEST(ParkerTest, WakingWithoutATokenEndsNoSleep) {
  Parker parker;
  std::atomic<bool> given{false};
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) Parker::Wake(parker.address());
    given = true;
    GiveAndWake(parker);
  });
  EXPECT_TRUE(parker.Park(kNoDeadline));
  EXPECT_TRUE(given);
  other.join();
}

TEST(ParkerTest, HandsOverManyTimesWithoutLosingAToken) {
  Parker ping, pong;
  int value = 0;  // guarded by the tokens
  constexpr int kRounds = 20'000;
  std::thread other([&] {
    for (int i = 0; i < kRounds; ++i) {
      ASSERT_TRUE(ping.Park(kNoDeadline));
      ++value;
      GiveAndWake(pong);
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    GiveAndWake(ping);
    ASSERT_TRUE(pong.Park(kNoDeadline));
    ASSERT_EQ(value, i + 1);
  }
  other.join();
}

TEST(ParkerTest, MayBeDestroyedBetweenGivingAndWaking) {
  for (int i = 0; i < 2000; ++i) {
    auto parker = std::make_unique<Parker>();
    Parker* const borrowed = parker.get();
    std::thread giver([borrowed] { GiveAndWake(*borrowed); });
    EXPECT_TRUE(parker->Park(kNoDeadline));
    parker.reset();
    giver.join();
  }
}

TEST(ParkerTest, GiveSaysWhetherAThreadSleeps) {
  for (int i = 0; i < 100; ++i) {
    Parker parker;
    std::atomic<bool> parks{false};
    std::thread other([&] {
      parks = true;
      EXPECT_TRUE(parker.Park(kNoDeadline));
    });
    while (!parks) std::this_thread::yield();
    // Whether or not it sleeps by now: if the answer is wrong, the test hangs.
    GiveAndWake(parker);
    other.join();
    EXPECT_EQ(parker.Give(), Parker::ThreadState::kAwake)
        << "nobody sleeps any more";
    EXPECT_TRUE(parker.Park(kNoDeadline));
  }
}

TEST(ParkerTest, AfterADeadlineNobodySleeps) {
  Parker parker;
  EXPECT_FALSE(parker.Park(Past()));
  EXPECT_FALSE(parker.Park(Clock::Real().Now() + std::chrono::milliseconds(1)));
  EXPECT_EQ(parker.Give(), Parker::ThreadState::kAwake);
  EXPECT_TRUE(parker.Park(Past()));
}

TEST(ParkerTest, WhileItIsBusyNobodyNeedsToBeWoken) {
  Parker parker;
  std::atomic<bool> parks{false};
  std::thread other([&] {
    parks = true;
    EXPECT_TRUE(parker.Park(kNoDeadline, kNoDeadline));
  });
  while (!parks) std::this_thread::yield();
  EXPECT_EQ(parker.Give(), Parker::ThreadState::kAwake);
  other.join();
}

TEST(ParkerTest, ATokenEndsAWaitForSomethingElse) {
  Parker parker;
  EXPECT_FALSE(parker.BeginOtherWait());
  EXPECT_FALSE(parker.has_token());
  EXPECT_EQ(parker.Give(), Parker::ThreadState::kElsewhere);
  EXPECT_TRUE(parker.has_token());
  EXPECT_EQ(parker.Give(), Parker::ThreadState::kAwake)
      << "it has been told already";
  EXPECT_TRUE(parker.EndOtherWait());
  EXPECT_FALSE(parker.EndOtherWait()) << "once";
  EXPECT_EQ(parker.Give(), Parker::ThreadState::kAwake) << "the wait is over";
  EXPECT_TRUE(parker.BeginOtherWait()) << "and needs not to begin";
  EXPECT_FALSE(parker.Park(Past()));
}

TEST(ParkerTest, BusyOrNotItEndsAtTheDeadline) {
  Parker parker;
  const MonotonicTime deadline =
      Clock::Real().Now() + std::chrono::milliseconds(2);
  EXPECT_FALSE(parker.Park(deadline, deadline + std::chrono::hours(1)));
  EXPECT_GE(Clock::Real().Now(), deadline);
  EXPECT_LE(Clock::Real().Now(), deadline + std::chrono::minutes(1));
  EXPECT_FALSE(parker.Park(Past(), kNoDeadline));
  EXPECT_FALSE(parker.Park(MonotonicTime(), kNoDeadline));
  EXPECT_FALSE(parker.Park(MonotonicTime::min(), kNoDeadline));
}

TEST(ParkerTest, HandsOverManyTimesBusily) {
  Parker ping, pong;
  int value = 0;  // guarded by the tokens
  constexpr int kRounds = 20'000;
  // Sometimes it goes to sleep just when the token arrives.
  const auto busy_until = [](int i) {
    return Clock::Real().Now() + std::chrono::nanoseconds(i % 5 * 1000);
  };
  std::thread other([&] {
    for (int i = 0; i < kRounds; ++i) {
      ASSERT_TRUE(ping.Park(kNoDeadline, busy_until(i)));
      ++value;
      GiveAndWake(pong);
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    GiveAndWake(ping);
    ASSERT_TRUE(pong.Park(kNoDeadline, busy_until(i + 2)));
    ASSERT_EQ(value, i + 1);
  }
  other.join();
}

}  // namespace
}  // namespace fdrpc
