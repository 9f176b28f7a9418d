#include "os/poller.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

MonotonicTime Past() { return Clock::Real().Now() - std::chrono::seconds(1); }

class PollerTest : public ::testing::Test {
 protected:
  PollerTest() {
    absl::StatusOr<Poller> poller = Poller::Create();
    EXPECT_TRUE(poller.ok()) << poller.status();
    poller_.emplace(*std::move(poller));
    std::tie(ours_, theirs_) = SocketPair();
  }
  std::vector<Poller::Event> Wait(MonotonicTime deadline = Past(),
                                  size_t most = 100) {
    std::vector<Poller::Event> events(most);
    const absl::Span<Poller::Event> ready =
        poller_->Wait(absl::MakeSpan(events), deadline);
    return {ready.begin(), ready.end()};
  }

  ExpectSameDescriptors census_;
  std::optional<Poller> poller_;
  UniqueFd ours_;
  UniqueFd theirs_;
};

TEST_F(PollerTest, FindsNothingWhereNothingIsReady) {
  EXPECT_TRUE(Wait().empty());
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {}).ok());
  EXPECT_TRUE(Wait().empty());
}

TEST_F(PollerTest, ReportsWhatIsReadableUntilItIsRead) {
  ASSERT_TRUE(poller_->Add(ours_.get(), 0xfedcba9876543210, {}).ok());
  ASSERT_EQ(write(theirs_.get(), "x", 1), 1);
  for (int i = 0; i < 2; ++i) {
    const std::vector<Poller::Event> events = Wait(kNoDeadline);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].token, 0xfedcba9876543210u);
    EXPECT_TRUE(events[0].readable);
    EXPECT_FALSE(events[0].writable);
  }
  char byte;
  ASSERT_EQ(read(ours_.get(), &byte, 1), 1);
  EXPECT_TRUE(Wait().empty());
}

TEST_F(PollerTest, ReportsAPeerThatIsGoneAsReadable) {
  ASSERT_TRUE(
      poller_->Add(ours_.get(), 7, {.readable = false, .writable = false})
          .ok());
  theirs_.Reset();
  const std::vector<Poller::Event> events = Wait(kNoDeadline);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events[0].readable);
}

TEST_F(PollerTest, ReportsRoomToWriteOnlyWhenAsked) {
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {}).ok());
  EXPECT_TRUE(Wait().empty());
  ASSERT_TRUE(
      poller_->Change(ours_.get(), 8, {.readable = true, .writable = true})
          .ok());
  const std::vector<Poller::Event> events = Wait(kNoDeadline);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].token, 8u) << "the token changes too";
  EXPECT_TRUE(events[0].writable);
  EXPECT_FALSE(events[0].readable);
  ASSERT_TRUE(poller_->Change(ours_.get(), 8, {}).ok());
  EXPECT_TRUE(Wait().empty());
}

TEST_F(PollerTest, TellsOfAnEdgeOnceHoweverLongItLasts) {
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {.edge_triggered = true}).ok());
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(write(theirs_.get(), "x", 1), 1);
    const std::vector<Poller::Event> events = Wait(kNoDeadline);
    ASSERT_EQ(events.size(), 1u) << "for each time that something arrives";
    EXPECT_EQ(events[0].token, 7u);
    EXPECT_TRUE(events[0].readable);
    EXPECT_TRUE(Wait().empty()) << "what is not read is not told again";
  }
}

TEST_F(PollerTest, TellsOfAnEdgeThatWasThereBefore) {
  ASSERT_EQ(write(theirs_.get(), "x", 1), 1);
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {.edge_triggered = true}).ok());
  EXPECT_EQ(Wait(kNoDeadline).size(), 1u);
  EXPECT_TRUE(Wait().empty());
}

TEST_F(PollerTest, TellsOfAnEdgeAgainWhenTheInterestChanges) {
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {.edge_triggered = true}).ok());
  EXPECT_TRUE(Wait().empty());
  constexpr Poller::Interest kBoth = {.writable = true, .edge_triggered = true};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(poller_->Change(ours_.get(), 7, kBoth).ok());
    const std::vector<Poller::Event> events = Wait(kNoDeadline);
    ASSERT_EQ(events.size(), 1u) << "also without a difference";
    EXPECT_TRUE(events[0].writable);
    EXPECT_FALSE(events[0].readable);
    EXPECT_TRUE(Wait().empty());
  }
}

TEST_F(PollerTest, TellsOfThePeersEndAsAnEdge) {
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {.edge_triggered = true}).ok());
  theirs_.Reset();
  EXPECT_EQ(Wait(kNoDeadline).size(), 1u);
  EXPECT_TRUE(Wait().empty());
}

TEST_F(PollerTest, ForgetsWhatIsRemoved) {
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {}).ok());
  ASSERT_EQ(write(theirs_.get(), "x", 1), 1);
  poller_->Remove(ours_.get());
  EXPECT_TRUE(Wait().empty());
  poller_->Remove(ours_.get());
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {}).ok());
  EXPECT_EQ(Wait(kNoDeadline).size(), 1u);
}

TEST_F(PollerTest, ReportsManyOverSeveralWaits) {
  std::vector<UniqueFd> fds;
  for (uint64_t i = 0; i < 200; ++i) {
    auto [read_end, write_end] = Pipe();
    ASSERT_EQ(write(write_end.get(), "x", 1), 1);
    ASSERT_TRUE(poller_->Add(read_end.get(), i, {}).ok());
    fds.push_back(std::move(read_end));
    fds.push_back(std::move(write_end));
  }
  EXPECT_EQ(Wait(kNoDeadline, 3).size(), 3u);
  // The ready descriptors take turns, so that none is skipped for ever.
  std::set<uint64_t> seen;
  for (int i = 0; i < 50 && seen.size() < 200; ++i) {
    for (const Poller::Event& event : Wait(kNoDeadline)) {
      seen.insert(event.token);
    }
  }
  EXPECT_EQ(seen.size(), 200u);
}

TEST_F(PollerTest, WaitsUntilTheDeadlineAndNotLess) {
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {}).ok());
  const MonotonicTime deadline =
      Clock::Real().Now() + std::chrono::microseconds(1500);
  EXPECT_TRUE(Wait(deadline).empty());
  EXPECT_GE(Clock::Real().Now(), deadline);
}

TEST_F(PollerTest, TakesAdditionsWhileAnotherThreadWaits) {
  ASSERT_EQ(write(theirs_.get(), "x", 1), 1);
  std::thread other(
      [&] { EXPECT_TRUE(poller_->Add(ours_.get(), 7, {}).ok()); });
  EXPECT_EQ(Wait(kNoDeadline).size(), 1u);
  other.join();
}

TEST_F(PollerTest, ReturnsNothingWhenInterrupted) {
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {}).ok());
  FaultInjection faults([](std::string_view, size_t) {
    return FaultInjection::Fault{.error = EINTR};
  });
  EXPECT_TRUE(Wait(kNoDeadline).empty());
}

TEST_F(PollerTest, RefusesWhatCannotBePolledOrIsThereAlready) {
  ASSERT_TRUE(poller_->Add(ours_.get(), 7, {}).ok());
  EXPECT_EQ(poller_->Add(ours_.get(), 7, {}).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(poller_->Add(-1, 7, {}).ok());
  EXPECT_EQ(poller_->Change(theirs_.get(), 7, {}).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(PollerTest, FailsWithoutDescriptorsOrMemoryLeft) {
  for (const char* call : {"epoll_create1", "epoll_ctl"}) {
    FaultInjection faults([&](std::string_view name, size_t) {
      return FaultInjection::Fault{.error = name == call ? ENOMEM : 0};
    });
    absl::StatusOr<Poller> poller = Poller::Create();
    const absl::Status status =
        poller.ok() ? poller->Add(ours_.get(), 7, {}) : poller.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << call;
  }
}

}  // namespace
}  // namespace fdrpc::testing
