// The decisions about the processes of a service.
#include "services/host/service_machine.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc::host {
namespace {

using Do = ServiceMachine::Do;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using v1::ServiceConfig;

// The actions as pairs.
std::vector<std::pair<Do, pid_t>> Of(const ServiceMachine::Actions& actions) {
  std::vector<std::pair<Do, pid_t>> pairs;
  for (const auto& action : actions)
    pairs.emplace_back(action.what, action.pid);
  return pairs;
}

class ServiceMachineTest : public ::testing::Test {
 protected:
  ServiceMachineTest() {
    rules_.restart = {.delay = absl::Milliseconds(100),
                      .max_delay = absl::Seconds(1),
                      .max_failures = 4,
                      .stable_after = absl::Seconds(10)};
  }
  ServiceMachine& Begin(ServiceConfig::Start start) {
    rules_.start = start;
    machine_.SetRules(rules_);
    begun_ = machine_.Begin();
    return machine_;
  }
  // A machine with a process that serves.
  ServiceMachine& Serving(pid_t pid) {
    Begin(ServiceConfig::START_ON_CONNECTION);
    EXPECT_THAT(Of(machine_.OnConnection()), ElementsAre(Pair(Do::kStart, 0)));
    machine_.Started(pid, now_);
    EXPECT_THAT(Of(machine_.OnReady(pid, now_)),
                ElementsAre(Pair(Do::kReportReady, pid)));
    return machine_;
  }
  void Pass(absl::Duration time) { now_ += time; }

  ServiceMachine::Rules rules_;
  ServiceMachine machine_{rules_};
  ServiceMachine::Actions begun_;
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(ServiceMachineTest, TheFirstConnectionStartsAProcess) {
  Begin(ServiceConfig::START_ON_CONNECTION);
  EXPECT_THAT(begun_, IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_LISTENING);
  EXPECT_TRUE(machine_.awaits_connection());
  EXPECT_THAT(Of(machine_.OnConnection()), ElementsAre(Pair(Do::kStart, 0)));
  EXPECT_FALSE(machine_.awaits_connection());
  machine_.Started(7, now_);
  EXPECT_EQ(machine_.state(), v1::STATE_STARTING);
  EXPECT_THAT(machine_.OnConnection(), IsEmpty());
  EXPECT_THAT(Of(machine_.OnReady(7, now_)),
              ElementsAre(Pair(Do::kReportReady, 7)));
  EXPECT_EQ(machine_.state(), v1::STATE_RUNNING);
  EXPECT_THAT(machine_.OnReady(7, now_), IsEmpty());
}

TEST_F(ServiceMachineTest, OthersStartAtOnceOrByHand) {
  Begin(ServiceConfig::START_AT_ONCE);
  EXPECT_THAT(Of(begun_), ElementsAre(Pair(Do::kStart, 0)));
  ServiceMachine by_hand({.start = ServiceConfig::START_BY_HAND});
  EXPECT_THAT(by_hand.Begin(), IsEmpty());
  EXPECT_EQ(by_hand.state(), v1::STATE_STOPPED);
  EXPECT_THAT(by_hand.OnConnection(), IsEmpty());
  EXPECT_THAT(Of(by_hand.Start()), ElementsAre(Pair(Do::kStart, 0)));
}

TEST_F(ServiceMachineTest, FailuresInARowDelayMoreAndMore) {
  Begin(ServiceConfig::START_AT_ONCE);
  absl::Duration expected = absl::Milliseconds(100);
  for (pid_t pid = 1; pid < 4; ++pid) {
    machine_.Started(pid, now_);
    EXPECT_THAT(Of(machine_.OnEnd(pid, /*is_clean=*/true, now_)),
                ElementsAre(Pair(Do::kReportFailure, pid)));
    EXPECT_EQ(machine_.state(), v1::STATE_BACKING_OFF);
    EXPECT_EQ(machine_.failures(), static_cast<uint32_t>(pid));
    EXPECT_EQ(machine_.next_deadline(), now_ + expected);
    EXPECT_THAT(machine_.OnTime(now_), IsEmpty());
    Pass(expected);
    EXPECT_THAT(Of(machine_.OnTime(now_)), ElementsAre(Pair(Do::kStart, 0)));
    expected *= 2;
  }
  EXPECT_EQ(Of(machine_.NotStarted(now_)).front().first, Do::kReportFailure);
  EXPECT_EQ(machine_.state(), v1::STATE_FAILED);
  EXPECT_EQ(machine_.next_deadline(), absl::InfiniteFuture());
  EXPECT_THAT(machine_.OnConnection(), IsEmpty());
  EXPECT_THAT(Of(machine_.Start()), ElementsAre(Pair(Do::kStart, 0)));
  EXPECT_EQ(machine_.failures(), 0u);
}

TEST_F(ServiceMachineTest, TheDelayHasALimit) {
  rules_.restart.max_failures = 100;
  Begin(ServiceConfig::START_AT_ONCE);
  for (int i = 0; i < 50; ++i) {
    (void)machine_.NotStarted(now_);
    Pass(machine_.next_deadline() - now_);
    EXPECT_THAT(Of(machine_.OnTime(now_)), ElementsAre(Pair(Do::kStart, 0)));
  }
  (void)machine_.NotStarted(now_);
  EXPECT_EQ(machine_.next_deadline(), now_ + absl::Seconds(1));
}

TEST_F(ServiceMachineTest, AfterADelayAConnectionStartsItAgain) {
  Serving(7);
  EXPECT_THAT(machine_.OnEnd(7, /*is_clean=*/false, now_), IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_BACKING_OFF);
  EXPECT_FALSE(machine_.awaits_connection());
  Pass(absl::Milliseconds(100));
  EXPECT_THAT(machine_.OnTime(now_), IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_LISTENING);
  EXPECT_EQ(machine_.failures(), 1u);
}

TEST_F(ServiceMachineTest, AStableProcessHasNotFailedInARow) {
  rules_.restart.max_failures = 2;
  Serving(7);
  Pass(absl::Seconds(9));
  (void)machine_.OnEnd(7, false, now_);
  EXPECT_EQ(machine_.failures(), 1u);
  Pass(absl::Seconds(1));
  (void)machine_.OnTime(now_);
  (void)machine_.OnConnection();
  machine_.Started(8, now_);
  (void)machine_.OnReady(8, now_);
  Pass(absl::Seconds(10));
  (void)machine_.OnEnd(8, false, now_);
  EXPECT_EQ(machine_.failures(), 1u);
  EXPECT_EQ(machine_.state(), v1::STATE_BACKING_OFF);
}

TEST_F(ServiceMachineTest, AnIdleProcessEndsByItself) {
  Serving(7);
  EXPECT_THAT(machine_.OnStopping(7, now_), IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_STOPPING);
  EXPECT_THAT(machine_.OnEnd(7, /*is_clean=*/true, now_), IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_LISTENING);
  EXPECT_EQ(machine_.failures(), 0u);
}

TEST_F(ServiceMachineTest, AProcessThatStartsAtOnceMustNotEnd) {
  Begin(ServiceConfig::START_AT_ONCE);
  machine_.Started(7, now_);
  (void)machine_.OnReady(7, now_);
  (void)machine_.OnEnd(7, /*is_clean=*/true, now_);
  EXPECT_EQ(machine_.state(), v1::STATE_BACKING_OFF);
}

// Otherwise the client that waits would start one after the other.
TEST_F(ServiceMachineTest, AProcessThatEndsAtOnceHasFailed) {
  Serving(7);
  Pass(absl::Milliseconds(99));
  (void)machine_.OnEnd(7, /*is_clean=*/true, now_);
  EXPECT_EQ(machine_.state(), v1::STATE_BACKING_OFF);
}

TEST_F(ServiceMachineTest, AProcessOfAnotherConfigurationIsNotWaitedFor) {
  Serving(7);
  (void)machine_.Restart(now_);
  machine_.Started(8, now_);
  EXPECT_THAT(Of(machine_.EndStarting(now_)),
              ElementsAre(Pair(Do::kTerminate, 8)));
  EXPECT_EQ(machine_.state(), v1::STATE_RUNNING);
  (void)machine_.OnEnd(7, false, now_);
  (void)machine_.Start();
  machine_.Started(9, now_);
  EXPECT_THAT(Of(machine_.EndStarting(now_)),
              ElementsAre(Pair(Do::kTerminate, 9), Pair(Do::kStart, 0)));
}

TEST_F(ServiceMachineTest, TheHostEndsAnIdleProcess) {
  Serving(7);
  EXPECT_THAT(Of(machine_.OnIdle(now_)), ElementsAre(Pair(Do::kTerminate, 7)));
  EXPECT_EQ(machine_.state(), v1::STATE_STOPPING);
  // It accepts no more: the next process serves this client.
  EXPECT_THAT(Of(machine_.OnConnection()), ElementsAre(Pair(Do::kStart, 0)));
  machine_.Started(8, now_);
  EXPECT_THAT(machine_.OnEnd(7, false, now_), IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_STARTING);
  EXPECT_EQ(machine_.failures(), 0u);
}

TEST_F(ServiceMachineTest, StopsAndKillsWhatTakesTooLong) {
  Serving(7);
  EXPECT_THAT(Of(machine_.Stop(now_)), ElementsAre(Pair(Do::kTerminate, 7)));
  EXPECT_EQ(machine_.state(), v1::STATE_STOPPING);
  EXPECT_THAT(machine_.OnConnection(), IsEmpty());
  EXPECT_THAT(machine_.Stop(now_), IsEmpty());
  EXPECT_EQ(machine_.next_deadline(), now_ + absl::Seconds(20));
  Pass(absl::Seconds(20));
  EXPECT_THAT(Of(machine_.OnTime(now_)), ElementsAre(Pair(Do::kKill, 7)));
  EXPECT_THAT(machine_.OnTime(now_), IsEmpty());
  EXPECT_THAT(machine_.OnEnd(7, false, now_), IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_STOPPED);
  EXPECT_FALSE(machine_.awaits_connection());
}

TEST_F(ServiceMachineTest, AProcessThatIsNotReadyInTimeHasFailed) {
  Begin(ServiceConfig::START_AT_ONCE);
  machine_.Started(7, now_);
  Pass(absl::Seconds(30));
  EXPECT_THAT(Of(machine_.OnTime(now_)), ElementsAre(Pair(Do::kKill, 7)));
  // Too late.
  EXPECT_THAT(machine_.OnReady(7, now_), IsEmpty());
  EXPECT_THAT(Of(machine_.OnEnd(7, false, now_)),
              ElementsAre(Pair(Do::kReportFailure, 7)));
  EXPECT_EQ(machine_.state(), v1::STATE_BACKING_OFF);
}

TEST_F(ServiceMachineTest, AReplacementServesBeforeTheOldOneEnds) {
  Serving(7);
  EXPECT_THAT(Of(machine_.Restart(now_)), ElementsAre(Pair(Do::kStart, 0)));
  machine_.Started(8, now_);
  EXPECT_EQ(machine_.state(), v1::STATE_REPLACING);
  EXPECT_THAT(Of(machine_.OnReady(8, now_)),
              ElementsAre(Pair(Do::kReportReady, 8), Pair(Do::kTerminate, 7)));
  EXPECT_EQ(machine_.state(), v1::STATE_RUNNING);
  EXPECT_EQ(machine_.serving(), 8);
  EXPECT_THAT(machine_.OnEnd(7, true, now_), IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_RUNNING);
}

TEST_F(ServiceMachineTest, IfAReplacementFailsTheOldOneStays) {
  Serving(7);
  (void)machine_.Restart(now_);
  machine_.Started(8, now_);
  EXPECT_THAT(Of(machine_.OnEnd(8, false, now_)),
              ElementsAre(Pair(Do::kReportFailure, 8)));
  EXPECT_EQ(machine_.state(), v1::STATE_RUNNING);
  EXPECT_EQ(machine_.serving(), 7);
  EXPECT_EQ(machine_.failures(), 0u);
}

TEST_F(ServiceMachineTest, AnotherRestartReplacesTheReplacement) {
  Serving(7);
  (void)machine_.Restart(now_);
  machine_.Started(8, now_);
  EXPECT_THAT(Of(machine_.Restart(now_)),
              ElementsAre(Pair(Do::kTerminate, 8), Pair(Do::kStart, 0)));
  machine_.Started(9, now_);
  EXPECT_THAT(machine_.OnEnd(8, false, now_), IsEmpty());
  EXPECT_THAT(Of(machine_.OnReady(9, now_)),
              ElementsAre(Pair(Do::kReportReady, 9), Pair(Do::kTerminate, 7)));
}

TEST_F(ServiceMachineTest, TheOldOneMayFailWhileItIsReplaced) {
  Serving(7);
  (void)machine_.Restart(now_);
  machine_.Started(8, now_);
  EXPECT_THAT(machine_.OnEnd(7, false, now_), IsEmpty());
  EXPECT_EQ(machine_.state(), v1::STATE_STARTING);
  (void)machine_.OnEnd(8, false, now_);
  EXPECT_EQ(machine_.state(), v1::STATE_BACKING_OFF);
}

TEST_F(ServiceMachineTest, GoesOnWhereAnotherHostWas) {
  v1::ServiceRecord record;
  record.set_rest(v1::STATE_BACKING_OFF);
  record.set_failures(3);
  machine_.Restore(record);
  EXPECT_EQ(machine_.state(), v1::STATE_BACKING_OFF);
  EXPECT_EQ(machine_.failures(), 3u);
  EXPECT_LE(machine_.next_deadline(), now_);
  (void)machine_.OnTime(now_);
  EXPECT_EQ(machine_.state(), v1::STATE_LISTENING);
  v1::ProcessRecord process;
  process.set_pid(7);
  process.set_role(v1::ProcessRecord::ROLE_SERVING);
  machine_.RestoreProcess(process, now_);
  process.set_pid(8);
  process.set_role(v1::ProcessRecord::ROLE_ENDING);
  process.set_was_told_to_end(true);
  machine_.RestoreProcess(process, now_);
  EXPECT_EQ(machine_.state(), v1::STATE_RUNNING);
  EXPECT_EQ(machine_.next_deadline(), now_ + absl::Seconds(20));
}

}  // namespace
}  // namespace fdrpc::host
