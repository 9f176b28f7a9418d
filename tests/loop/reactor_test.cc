// A reactor that threads run without a loop.

#include "loop/reactor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <tuple>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/manual_clock.h"

namespace fdrpc::testing {
namespace {

using PollResult = Reactor::PollResult;

// One end of a pair of sockets, which reads a byte at a time.
class ByteReader final : public Reactor::Source {
 public:
  ByteReader() { std::tie(ours_, theirs_) = SocketPair(); }
  int fd() const { return ours_.get(); }
  void PeerWrites() { ASSERT_EQ(write(theirs_.get(), "x", 1), 1); }

  bool can_be_polled = true;
  int looks = 0;  // calls of OnReady()
  int bytes = 0;
  int passed = 0;  // how often it ceased to be polled
  int woken = 0;

 private:
  std::optional<size_t> OnReady(Poller::Event) override {
    ++looks;
    char byte;
    if (recv(ours_.get(), &byte, 1, MSG_DONTWAIT) != 1) return std::nullopt;
    ++bytes;
    return 1;
  }
  void OnWake() override { ++woken; }
  bool CanBePolled() const override { return can_be_polled; }
  void OnPollingPassed() override { ++passed; }

  UniqueFd ours_;
  UniqueFd theirs_;
};

// A clock that stands still, so it polls until something is there.
class ReactorTest : public ::testing::Test {
 protected:
  ReactorTest() {
    for (const auto& reader : {a_, b_}) {
      EXPECT_TRUE(reactor_->Watch(reader->fd(), reader).ok());
    }
  }
  // Something arrives, after which it expects more.
  void Arrive(ByteReader& reader) {
    reader.PeerWrites();
    if (reactor_->Poll() != PollResult::kSomething) reactor_->Sleep();
  }

  ExpectSameDescriptors census_;
  ManualClock clock_;
  const std::shared_ptr<Reactor> reactor_ =
      *Reactor::Create(absl::Microseconds(50), clock_);
  const std::shared_ptr<ByteReader> a_ = std::make_shared<ByteReader>();
  const std::shared_ptr<ByteReader> b_ = std::make_shared<ByteReader>();
};

TEST_F(ReactorTest, SleepsUntilSomethingIsExpected) {
  EXPECT_EQ(reactor_->Poll(), PollResult::kNothing);
  Arrive(*a_);
  EXPECT_EQ(a_->bytes, 1);
  EXPECT_EQ(a_->looks, 1);
}

TEST_F(ReactorTest, PollsTheSourceThatWasReadyLastAndSometimesAll) {
  if (!BusyPoll::HasSeveralCpus()) GTEST_SKIP() << "it never polls";
  Arrive(*a_);
  Arrive(*a_);
  ASSERT_EQ(a_->bytes, 2);
  EXPECT_EQ(a_->passed, 0);
  const int looks = a_->looks;
  b_->PeerWrites();
  FaultInjection counts([](auto...) { return FaultInjection::Fault{}; });
  EXPECT_EQ(reactor_->Poll(), PollResult::kSomething);
  EXPECT_EQ(b_->bytes, 1);
  EXPECT_EQ(a_->looks - looks, 8) << "polled in vain";
  EXPECT_EQ(counts.CountOf("epoll_wait"), 1u);
  EXPECT_EQ(a_->passed, 1);
  EXPECT_EQ(b_->passed, 0);
  b_->PeerWrites();
  EXPECT_EQ(reactor_->Poll(), PollResult::kSomething);
  EXPECT_EQ(b_->bytes, 2);
  EXPECT_EQ(counts.CountOf("epoll_wait"), 1u);
}

TEST_F(ReactorTest, DoesNotPollASourceThatCannotBePolled) {
  if (!BusyPoll::HasSeveralCpus()) GTEST_SKIP() << "it never polls";
  Arrive(*a_);
  Arrive(*a_);
  a_->can_be_polled = false;
  const int looks = a_->looks;
  Arrive(*b_);
  EXPECT_EQ(b_->bytes, 1);
  EXPECT_EQ(a_->looks, looks);
}

TEST_F(ReactorTest, DoesNotPollASourceThatIsGoneOrUnwatched) {
  if (!BusyPoll::HasSeveralCpus()) GTEST_SKIP() << "it never polls";
  auto going = std::make_shared<ByteReader>();
  ASSERT_TRUE(reactor_->Watch(going->fd(), going).ok());
  Arrive(*going);
  Arrive(*going);
  going.reset();
  Arrive(*b_);
  EXPECT_EQ(b_->bytes, 1);
}

TEST_F(ReactorTest, AnInterruptEndsTheNextSleepWhichWakesNobodyIfThereIsNone) {
  std::jthread([this] { reactor_->Interrupt(); });
  reactor_->Sleep();
  FaultInjection counts([](auto...) { return FaultInjection::Fault{}; });
  for (int i = 0; i < 3; ++i) {
    reactor_->Interrupt();
    reactor_->Interrupt();
    reactor_->Sleep();
  }
  EXPECT_EQ(counts.CountOf("write"), 0u);
  EXPECT_EQ(a_->looks, 0);
}

TEST_F(ReactorTest, AnInterruptEndsASleep) {
  for (int i = 0; i < 100; ++i) {
    const std::jthread other([this] { reactor_->Interrupt(); });
    reactor_->Sleep();
  }
}

TEST_F(ReactorTest, AnInterruptEndsPolling) {
  if (!BusyPoll::HasSeveralCpus()) GTEST_SKIP() << "it never polls";
  Arrive(*a_);
  Arrive(*a_);
  const int looks = a_->looks;
  reactor_->Interrupt();
  EXPECT_EQ(reactor_->Poll(), PollResult::kSomething);
  EXPECT_EQ(a_->looks, looks);
}

TEST_F(ReactorTest, WhatAnotherThreadSetsEndsASleep) {
  Reactor::Timer timer;
  for (int i = 1; i <= 100; ++i) {
    const std::jthread other([&] {
      if (i % 2 == 0) {
        reactor_->Wake(a_);
      } else {
        reactor_->SetTimerBy(timer, MonotonicTime(), a_);
      }
    });
    while (a_->woken < i) reactor_->Sleep();
  }
  EXPECT_EQ(reactor_->next_deadline(), kNoDeadline);
}

}  // namespace
}  // namespace fdrpc::testing
