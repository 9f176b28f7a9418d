// When a service's watchdog ends a process.
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/host/service_machine.h"

namespace fdrpc::host {
namespace {

using Do = ServiceMachine::Do;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class WatchdogTest : public ::testing::Test {
 protected:
  static constexpr pid_t kPid = 10;

  WatchdogTest() {
    rules_.watchdog_timeout = absl::Seconds(5);
    rules_.restart = {.delay = absl::Milliseconds(100),
                      .max_delay = absl::Seconds(1),
                      .max_failures = 4,
                      .stable_after = absl::Seconds(10)};
  }
  // The process starts.
  void Starting() {
    machine_.SetRules(rules_);
    EXPECT_THAT(machine_.Begin(), IsEmpty());
    EXPECT_THAT(Of(machine_.OnConnection()), ElementsAre(Pair(Do::kStart, 0)));
    machine_.Started(kPid, now_);
  }
  // The process serves.
  void Serving() {
    Starting();
    EXPECT_THAT(Of(machine_.OnReady(kPid, now_)),
                ElementsAre(Pair(Do::kReportReady, kPid)));
  }
  void Pass(absl::Duration time) { now_ += time; }
  // At the next deadline.
  std::vector<std::pair<Do, pid_t>> AtDeadline() {
    now_ = machine_.next_deadline();
    return Of(machine_.OnTime(now_));
  }
  // The actions as pairs.
  static std::vector<std::pair<Do, pid_t>> Of(
      const ServiceMachine::Actions& actions) {
    std::vector<std::pair<Do, pid_t>> pairs;
    for (const auto& action : actions)
      pairs.emplace_back(action.what, action.pid);
    return pairs;
  }

  ServiceMachine::Rules rules_;
  ServiceMachine machine_{rules_};
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(WatchdogTest, AProcessThatSaysNothingIsAbortedAndThenKilled) {
  const absl::Time ready = now_;
  Serving();
  EXPECT_EQ(machine_.next_deadline(), ready + absl::Seconds(5));
  // Once more it may be heard: it has a second at most.
  EXPECT_THAT(AtDeadline(), ElementsAre(Pair(Do::kListen, kPid)));
  machine_.OnListened(kPid, now_);
  EXPECT_THAT(AtDeadline(), ElementsAre(Pair(Do::kAbort, kPid)));
  EXPECT_EQ(now_, ready + absl::Seconds(6));
  EXPECT_EQ(machine_.next_deadline(), now_ + rules_.stop_timeout);
  EXPECT_THAT(AtDeadline(), ElementsAre(Pair(Do::kKill, kPid)));
  EXPECT_EQ(machine_.next_deadline(), absl::InfiniteFuture());
  EXPECT_THAT(machine_.OnEnd(kPid, /*is_clean=*/false, now_), IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_BACKING_OFF);
  EXPECT_EQ(machine_.failures(), 1u);
}

TEST_F(WatchdogTest, AProcessThatIsHeardLives) {
  Serving();
  for (int i = 0; i < 10; ++i) {
    Pass(absl::Seconds(4));
    machine_.OnAlive(kPid, now_);
    EXPECT_THAT(Of(machine_.OnTime(now_)), IsEmpty());
    EXPECT_EQ(machine_.next_deadline(), now_ + absl::Seconds(5));
  }
}

TEST_F(WatchdogTest, WhatTheHostHearsLateCounts) {
  Serving();
  // The host was held up, and what was said meanwhile comes now.
  Pass(absl::Seconds(60));
  EXPECT_THAT(Of(machine_.OnTime(now_)), ElementsAre(Pair(Do::kListen, kPid)));
  machine_.OnAlive(kPid, now_);
  machine_.OnListened(kPid, now_);
  EXPECT_EQ(machine_.next_deadline(), now_ + absl::Seconds(5));
}

// As when its keeper is stopped, and the host waits for it.
TEST_F(WatchdogTest, WhileTheHostCannotReadNothingIsAborted) {
  Serving();
  EXPECT_THAT(AtDeadline(), ElementsAre(Pair(Do::kListen, kPid)));
  EXPECT_EQ(machine_.next_deadline(), absl::InfiniteFuture());
  Pass(absl::Hours(1));
  EXPECT_THAT(Of(machine_.OnTime(now_)), IsEmpty());
  // What was said meanwhile may not have had room.
  machine_.OnListened(kPid, now_);
  EXPECT_EQ(machine_.next_deadline(), now_ + absl::Seconds(5));
  EXPECT_THAT(AtDeadline(), ElementsAre(Pair(Do::kListen, kPid)));
  machine_.OnListened(kPid, now_);
  EXPECT_THAT(AtDeadline(), ElementsAre(Pair(Do::kAbort, kPid)));
}

TEST_F(WatchdogTest, AnAnswerToNoQuestionChangesNothing) {
  Serving();
  const absl::Time deadline = machine_.next_deadline();
  Pass(absl::Seconds(1));
  machine_.OnListened(kPid, now_);
  machine_.OnListened(kPid + 1, now_);
  EXPECT_EQ(machine_.next_deadline(), deadline);
}

TEST_F(WatchdogTest, AProcessThatAnswersItsAbortWithACleanEndHasFailed) {
  Serving();
  EXPECT_THAT(AtDeadline(), ElementsAre(Pair(Do::kListen, kPid)));
  machine_.OnListened(kPid, now_);
  EXPECT_THAT(AtDeadline(), ElementsAre(Pair(Do::kAbort, kPid)));
  EXPECT_THAT(machine_.OnEnd(kPid, /*is_clean=*/true, now_), IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_BACKING_OFF);
  EXPECT_EQ(machine_.failures(), 1u);
}

TEST_F(WatchdogTest, AProcessMayTriggerIt) {
  Serving();
  EXPECT_THAT(Of(machine_.OnHang(kPid, now_)),
              ElementsAre(Pair(Do::kAbortAsked, kPid)));
  EXPECT_THAT(Of(machine_.OnHang(kPid, now_)), IsEmpty());
  // It is too late to be heard.
  machine_.OnAlive(kPid, now_);
  EXPECT_THAT(AtDeadline(), ElementsAre(Pair(Do::kKill, kPid)));
}

TEST_F(WatchdogTest, AProcessThatStartsOrEndsHasOtherTimeouts) {
  Starting();
  EXPECT_EQ(machine_.next_deadline(), now_ + rules_.start_timeout);
  EXPECT_THAT(Of(machine_.OnHang(kPid, now_)), IsEmpty());
  machine_.OnReady(kPid, now_);
  machine_.OnStopping(kPid, now_);
  EXPECT_EQ(machine_.next_deadline(), now_ + rules_.stop_timeout);
}

// A process that knows no watchdog serves until its replacement does.
TEST_F(WatchdogTest, IsThatOfTheConfigurationThatStartedTheProcess) {
  rules_.watchdog_timeout = absl::InfiniteDuration();
  Serving();
  rules_.watchdog_timeout = absl::Seconds(5);
  machine_.SetRules(rules_);
  EXPECT_EQ(machine_.next_deadline(), absl::InfiniteFuture());
  EXPECT_THAT(Of(machine_.OnHang(kPid, now_)), IsEmpty());
}

TEST_F(WatchdogTest, TheNextHostListensOn) {
  v1::ProcessRecord record;
  record.set_pid(kPid);
  record.set_role(v1::ProcessRecord::ROLE_SERVING);
  record.set_watchdog_us(5'000'000);
  machine_.RestoreProcess(record, now_);
  EXPECT_EQ(machine_.next_deadline(), now_ + absl::Seconds(5));
}

}  // namespace
}  // namespace fdrpc::host
