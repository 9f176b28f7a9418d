#include "services/host/log_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/host/running_host.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::RunningHost;
using testing::TempDir;

constexpr uid_t kOther = 12345;

class LogDirectoryTest : public ::testing::Test {
 protected:
  LogDirectoryTest() {
    std::filesystem::create_directories(logs_);
    chmod(parent_.c_str(), 0755);
    chmod(logs_.c_str(), 0755);
  }
  void SetUp() override {
    const absl::Status around = CheckLogDirectory(dir_.path(), geteuid());
    if (!around.ok()) {
      GTEST_SKIP() << "no directory is safe where tests have theirs: "
                   << around;
    }
  }
  absl::Status Check() const { return CheckLogDirectory(logs_, geteuid()); }
  std::string Error() const { return std::string(Check().message()); }

  const TempDir dir_;
  const std::string parent_ = dir_.file("parent");
  const std::string logs_ = parent_ + "/logs";
};

TEST_F(LogDirectoryTest, IsGoodIfNobodyElseCanWrite) {
  EXPECT_EQ(Check(), absl::OkStatus());
  // Its owner has chosen the group.
  chmod(parent_.c_str(), 0775);
  EXPECT_EQ(Check(), absl::OkStatus());
}

TEST_F(LogDirectoryTest, IsRefusedIfOthersCanWrite) {
  for (const mode_t mode : {0777, 0775, 01777}) {
    ASSERT_EQ(chmod(logs_.c_str(), mode), 0);
    EXPECT_THAT(Error(), AllOf(HasSubstr("can be written to by others"),
                               HasSubstr("chmod go-w " + logs_)));
    EXPECT_EQ(Check().code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST_F(LogDirectoryTest, IsRefusedIfOthersCanReplaceIt) {
  ASSERT_EQ(chmod(parent_.c_str(), 0777), 0);
  EXPECT_THAT(Error(), HasSubstr("chmod go-w " + parent_));
  // Only what is theirs.
  ASSERT_EQ(chmod(parent_.c_str(), 01777), 0);
  EXPECT_EQ(Check(), absl::OkStatus());
}

TEST_F(LogDirectoryTest, MayBeMadeLaterIfOthersCannotMakeIt) {
  ASSERT_EQ(rmdir(logs_.c_str()), 0);
  EXPECT_EQ(Check(), absl::OkStatus());
  ASSERT_EQ(chmod(parent_.c_str(), 01777), 0);
  EXPECT_THAT(Error(), HasSubstr("is not there, and anybody could make it"));
}

TEST_F(LogDirectoryTest, IsNoFile) {
  EXPECT_THAT(CheckLogDirectory("/dev/null", geteuid()).message(),
              HasSubstr("is not a directory"));
}

TEST_F(LogDirectoryTest, IsRefusedIfItBelongsToAnother) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  ASSERT_EQ(chown(logs_.c_str(), kOther, 0), 0);
  EXPECT_THAT(Error(), AllOf(HasSubstr("belongs to user 12345"),
                             HasSubstr("chown -h 0 " + logs_)));
  EXPECT_EQ(CheckLogDirectory(logs_, kOther), absl::OkStatus());
  ASSERT_EQ(chown(parent_.c_str(), kOther, 0), 0);
  ASSERT_EQ(chown(logs_.c_str(), 0, 0), 0);
  EXPECT_THAT(Error(), HasSubstr("chown -h 0 " + parent_));
}

TEST_F(LogDirectoryTest, IsRefusedBehindALinkOfAnother) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a link away";
  const std::string link = dir_.file("link");
  ASSERT_EQ(symlink(parent_.c_str(), link.c_str()), 0);
  EXPECT_EQ(CheckLogDirectory(link + "/logs", 0), absl::OkStatus());
  ASSERT_EQ(chmod(parent_.c_str(), 0777), 0);
  EXPECT_THAT(CheckLogDirectory(link + "/logs", 0).message(),
              HasSubstr("can be written to by others"));
  ASSERT_EQ(chmod(parent_.c_str(), 0755), 0);
  ASSERT_EQ(lchown(link.c_str(), kOther, 0), 0);
  EXPECT_THAT(CheckLogDirectory(link + "/logs", 0).message(),
              HasSubstr("chown -h 0 " + link));
}

TEST_F(LogDirectoryTest, LinksInTheMiddleOfTheWayAreLookedAt) {
  // The first link leads to a second one, in a directory of everybody.
  const std::string open = dir_.file("open");
  ASSERT_EQ(mkdir(open.c_str(), 0755), 0);
  const std::string second = open + "/second", first = dir_.file("first");
  ASSERT_EQ(symlink("../parent", second.c_str()), 0);
  ASSERT_EQ(symlink("./open/second/", first.c_str()), 0);
  EXPECT_EQ(CheckLogDirectory(first + "/logs", geteuid()), absl::OkStatus());
  ASSERT_EQ(chmod(open.c_str(), 0777), 0);
  EXPECT_THAT(CheckLogDirectory(first + "/logs", geteuid()).message(),
              HasSubstr("chmod go-w " + open));
  // Others cannot replace it, unless it is theirs.
  ASSERT_EQ(chmod(open.c_str(), 01777), 0);
  EXPECT_EQ(CheckLogDirectory(first + "/logs", geteuid()), absl::OkStatus());
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a link away";
  ASSERT_EQ(lchown(second.c_str(), kOther, 0), 0);
  EXPECT_THAT(CheckLogDirectory(first + "/logs", 0).message(),
              HasSubstr("chown -h 0 " + second));
}

TEST_F(LogDirectoryTest, ALinkToWhatAnybodyCouldMakeIsRefused) {
  const std::string open = dir_.file("open"), link = dir_.file("link");
  ASSERT_EQ(mkdir(open.c_str(), 0755), 0);
  ASSERT_EQ(symlink((open + "/logs").c_str(), link.c_str()), 0);
  EXPECT_EQ(CheckLogDirectory(link, geteuid()), absl::OkStatus());
  ASSERT_EQ(chmod(open.c_str(), 01777), 0);
  EXPECT_THAT(CheckLogDirectory(link, geteuid()).message(),
              HasSubstr(open + "/logs is not there, and anybody could make"));
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a link away";
  ASSERT_EQ(chmod(open.c_str(), 0755), 0);
  ASSERT_EQ(lchown(link.c_str(), kOther, 0), 0);
  EXPECT_THAT(CheckLogDirectory(link, 0).message(),
              HasSubstr("chown -h 0 " + link));
}

TEST_F(LogDirectoryTest, LinksWithoutEndAreRefused) {
  const std::string link = dir_.file("link");
  ASSERT_EQ(symlink("link", link.c_str()), 0);
  EXPECT_THAT(CheckLogDirectory(link, geteuid()).message(),
              HasSubstr("Too many levels of symbolic links"));
}

TEST_F(LogDirectoryTest, ThatIsNotSafeEndsTheHost) {
  if (geteuid() != 0) GTEST_SKIP() << "it is only checked for root";
  RunningHost host;
  ASSERT_EQ(chmod(logs_.c_str(), 0777), 0);
  const testing::Ending run = testing::Run(
      {FDRPC_HOST_PROGRAM, "run", "--config", host.config_path(), "--control",
       host.dir().address("control"), "--log-directory", logs_});
  EXPECT_EQ(run.exit_status, 1);
  EXPECT_THAT(run.errors, AllOf(HasSubstr("the log directory " + logs_),
                                HasSubstr("chmod go-w " + logs_)));
  const std::vector<std::string> check = {FDRPC_HOST_PROGRAM, "check",
                                          host.config_path(), "--log-directory",
                                          logs_};
  EXPECT_EQ(testing::Run(check).exit_status, 1);
  EXPECT_EQ(testing::Run(check).errors, run.errors);
  ASSERT_EQ(chmod(logs_.c_str(), 0755), 0);
  EXPECT_EQ(testing::Run(check).exit_status, 0);
}

}  // namespace
}  // namespace fdrpc::host
