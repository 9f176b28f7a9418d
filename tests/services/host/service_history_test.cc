#include "services/host/service_history.h"

#include <csignal>

#include "gtest/gtest.h"

namespace fdrpc::host {
namespace {

using v1::ProcessRecord;

v1::Event::Ended ExitWith(int status) {
  v1::Event::Ended ended;
  ended.set_exit_code(status);
  return ended;
}

v1::Event::Ended EndBy(int signal) {
  v1::Event::Ended ended;
  ended.set_signal(signal);
  return ended;
}

ServiceMachine::Process InRole(ProcessRecord::Role role) {
  ServiceMachine::Process process;
  process.role = role;
  return process;
}

constexpr absl::Duration kStartTimeout = absl::Seconds(5);

class ServiceHistoryTest : public ::testing::Test {
 protected:
  void End(const v1::Event::Ended& ended, ServiceMachine::Process process,
           bool is_last = true) {
    history_.OnEnd(ended, &process, is_last, kStartTimeout);
  }

  ServiceHistory history_;
};

TEST_F(ServiceHistoryTest, TheLastEndIsThatOfTheProcessThatServed) {
  EXPECT_EQ(history_.last_end(), "");
  history_.OnFork(absl::OkStatus());
  End(EndBy(SIGSEGV), InRole(ProcessRecord::ROLE_SERVING));
  EXPECT_EQ(history_.last_end(), "was killed by SIGSEGV");
  EXPECT_TRUE(history_.TakeStartError().ok());
}

TEST_F(ServiceHistoryTest, AProcessThatCannotBeForkedIsNoStart) {
  history_.OnFork(absl::ResourceExhaustedError("clone3: out of processes"));
  EXPECT_EQ(history_.starts(), 0u);
  EXPECT_EQ(history_.last_end(),
            "the process cannot be started: clone3: out of processes");
  EXPECT_EQ(history_.TakeStartError().message(), history_.last_end());
}

TEST_F(ServiceHistoryTest, AStartErrorIsTakenOnce) {
  history_.OnFork(absl::InternalError("no"));
  EXPECT_FALSE(history_.TakeStartError().ok());
  EXPECT_TRUE(history_.TakeStartError().ok());
}

TEST_F(ServiceHistoryTest, AnAttemptForgetsTheErrorOfTheOneBefore) {
  history_.OnFork(absl::InternalError("no"));
  history_.OnFork(absl::OkStatus());
  EXPECT_TRUE(history_.TakeStartError().ok());
  EXPECT_EQ(history_.starts(), 1u);
}

TEST_F(ServiceHistoryTest, AnEndBeforeReadinessIsAnErrorOfTheStart) {
  history_.OnFork(absl::OkStatus());
  End(ExitWith(3), InRole(ProcessRecord::ROLE_STARTING));
  EXPECT_EQ(history_.last_end(), "exited with status 3");
  const absl::Status error = history_.TakeStartError();
  EXPECT_EQ(error.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(error.message(),
            "before it was ready, the process exited with status 3");
}

TEST_F(ServiceHistoryTest, WhyAProgramDoesNotRunSaysMoreThanItsEnd) {
  history_.OnFork(absl::OkStatus());
  history_.OnNotStarted(absl::FailedPreconditionError("execve: no such file"));
  End(ExitWith(127), InRole(ProcessRecord::ROLE_STARTING));
  EXPECT_EQ(history_.last_end(), "execve: no such file");
  EXPECT_EQ(history_.TakeStartError().message(), "execve: no such file");
}

TEST_F(ServiceHistoryTest, AProcessThatWasLateHasMissedItsDeadline) {
  history_.OnFork(absl::OkStatus());
  ServiceMachine::Process late = InRole(ProcessRecord::ROLE_STARTING);
  late.was_late = true;
  End(EndBy(SIGKILL), late);
  EXPECT_EQ(history_.last_end(), "the process was not ready within 5s");
  EXPECT_EQ(history_.TakeStartError().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ServiceHistoryTest, TheEndOfAReplacedProcessIsNoNews) {
  history_.OnFork(absl::OkStatus());
  End(EndBy(SIGSEGV), InRole(ProcessRecord::ROLE_SERVING));
  End(EndBy(SIGKILL), InRole(ProcessRecord::ROLE_ENDING), /*is_last=*/false);
  EXPECT_EQ(history_.last_end(), "was killed by SIGSEGV");
  End(EndBy(SIGKILL), InRole(ProcessRecord::ROLE_ENDING));
  EXPECT_EQ(history_.last_end(), "was killed by SIGKILL");
}

TEST_F(ServiceHistoryTest, TheNextHostGoesOnWithIt) {
  history_.OnFork(absl::OkStatus());
  End(ExitWith(1), InRole(ProcessRecord::ROLE_SERVING));
  v1::ServiceRecord record;
  history_.SaveTo(record);
  ServiceHistory next;
  next.Restore(record);
  EXPECT_EQ(next.starts(), 1u);
  EXPECT_EQ(next.last_end(), "exited with status 1");
}

}  // namespace
}  // namespace fdrpc::host
