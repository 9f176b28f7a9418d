// fdrpc-filebroker with clients that are processes of other users, and at the
// kernel's limits of inotify.
#include <grp.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/broker.h"
#include "tests/services/filebroker/tree.h"
#include "tests/services/program/program.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/schemes.h"

namespace fdrpc::filebroker {
namespace {

using testing::Broker;
using testing::Ending;
using ::testing::HasSubstr;

constexpr uid_t kFirst = 1'000'001;
constexpr uid_t kSecond = 1'000'002;

// Its result is that of a process of that user.
int As(uid_t user, const std::function<int()>& body) {
  return testing::InChild([user, &body] {
    if (setgroups(0, nullptr) != 0 || setresgid(user, user, user) != 0 ||
        setresuid(user, user, user) != 0) {
      return -2;
    }
    return body();
  });
}

class BrokerUsersTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can become other users";
    for (const char* const user : {"common", "alice"}) {
      tree_.MakeDirectory(user);
      tree_.Write(std::string(user) + "/whose", user);
    }
  }
  // Other users cannot reach the test's directory: an abstract name.
  static std::string address() {
    return absl::StrCat(GetParam(), "@fdrpc-broker-users-test-", getpid());
  }
  std::vector<std::string> Options() const {
    return {"--user-root", absl::StrCat(kFirst, "=", tree_.path("alice"))};
  }
  // As that user: 0 if `path` can be opened and has that content, or the code
  // of the status.
  int Reads(uid_t user, const std::string& path, const std::string& content) {
    return As(user, [&path, &content, to = address()] {
      const absl::StatusOr<Channel> channel = Channel::Connect(to);
      if (!channel.ok()) return -3;
      v1::OpenRequest request;
      request.set_path(path);
      request.set_access(v1::ACCESS_READ);
      const auto reply = v1::FileBroker::Stub(*channel).Open(request);
      if (!reply.ok()) return static_cast<int>(reply.status().code());
      return testing::ReadRest(reply->file()) == content ? 0 : -4;
    });
  }
  int Makes(uid_t user, const std::string& name) {
    return As(user, [&name, to = address()] {
      const absl::StatusOr<Channel> channel = Channel::Connect(to);
      if (!channel.ok()) return -3;
      v1::OpenDirectoryRequest root;
      root.set_path(".");
      auto opened = v1::FileBroker::Stub(*channel).OpenDirectory(root);
      if (!opened.ok()) return static_cast<int>(opened.status().code());
      absl::StatusOr<v1::Directory::Stub> directory = opened->take_directory();
      if (!directory.ok()) return -4;
      v1::MakeDirectoryRequest request;
      request.set_path(name);
      return static_cast<int>(
          directory->MakeDirectory(request).status().code());
    });
  }

  testing::ExpectSameDescriptors census_;
  testing::Tree tree_;
};

INSTANTIATE_TEST_SUITE_P(Types, BrokerUsersTest, testing::kAllSchemes,
                         testing::SchemeName);

constexpr int kNotFound = static_cast<int>(absl::StatusCode::kNotFound);
constexpr int kDenied = static_cast<int>(absl::StatusCode::kPermissionDenied);

TEST_P(BrokerUsersTest, AUserWithARootOfItsOwnSeesNothingElse) {
  Broker broker(tree_, {address()}, Options());
  EXPECT_EQ(Reads(kFirst, "whose", "alice"), 0);
  EXPECT_EQ(Reads(kFirst, "common/whose", ""), kNotFound);
  EXPECT_EQ(Reads(kFirst, "../common/whose", ""), kDenied);
  EXPECT_EQ(Reads(kSecond, "common/whose", "common"), 0);
  EXPECT_EQ(Reads(kSecond, "whose", ""), kNotFound);
}

TEST_P(BrokerUsersTest, AUserMayBeReadOnly) {
  std::vector<std::string> options = Options();
  options.insert(options.end(), {"--user-read-only", absl::StrCat(kFirst)});
  Broker broker(tree_, {address()}, options);
  EXPECT_EQ(Makes(kFirst, "new"), kDenied);
  EXPECT_EQ(Reads(kFirst, "whose", "alice"), 0);
  EXPECT_EQ(Makes(kSecond, "new"), 0);
  EXPECT_TRUE(tree_.Has("new"));
  EXPECT_FALSE(tree_.Has("alice/new"));
}

TEST_P(BrokerUsersTest, TheAuditLogNamesThem) {
  const std::string log = tree_.around().file("log");
  std::vector<std::string> options = Options();
  options.insert(options.end(), {"--audit", log});
  Broker broker(tree_, {address()}, options);
  EXPECT_EQ(Reads(kFirst, "whose", "alice"), 0);
  EXPECT_EQ(Reads(kSecond, "none", ""), kNotFound);
  EXPECT_EQ(broker.Stop(SIGTERM).exit_status, 0);
  const std::string lines = tree_.Read("../log");
  EXPECT_THAT(lines, HasSubstr(absl::StrCat(" uid=", kFirst, " ")));
  EXPECT_THAT(lines, HasSubstr(absl::StrCat(" uid=", kSecond, " ")));
}

// A limit of inotify, and what the broker says of it.
struct InotifyLimit {
  const char* own;     // in a user namespace
  const char* global;  // that is to be raised
};

class InotifyLimitsTest : public ::testing::TestWithParam<InotifyLimit> {};

INSTANTIATE_TEST_SUITE_P(
    Limits, InotifyLimitsTest,
    ::testing::Values(
        InotifyLimit{"max_inotify_watches", "fs.inotify.max_user_watches"},
        InotifyLimit{"max_inotify_instances", "fs.inotify.max_user_instances"}),
    [](const auto& limit) { return std::string(limit.param.own); });

TEST_P(InotifyLimitsTest, AreClearErrorsAndAllElseWorks) {
  testing::ExpectSameDescriptors census;
  testing::Tree tree;
  tree.Write("file", "content");
  const std::vector<std::string> limited = {
      "unshare",
      "--user",
      "--map-root-user",
      "sh",
      "-c",
      absl::StrCat("echo 0 > /proc/sys/user/", GetParam().own,
                   " && exec \"$@\""),
      "sh"};
  std::vector<std::string> trial = limited;
  trial.push_back("true");
  if (testing::Run(trial).exit_status != 0) {
    GTEST_SKIP() << "no user namespace with limits can be made here";
  }
  const std::string address = tree.around().address("socket");
  Broker broker(tree, {address}, {}, limited);
  const auto client = [&address](const std::vector<std::string>& words) {
    std::vector<std::string> all = {FDRPC_OPEN_PROGRAM, "--server", address};
    all.insert(all.end(), words.begin(), words.end());
    return testing::Run(all);
  };
  for (int i = 0; i < 3; ++i) {
    const Ending watch = client({"--watch", "."});
    EXPECT_EQ(watch.exit_status, 18) << watch.errors;
    EXPECT_THAT(watch.errors, HasSubstr("RESOURCE_EXHAUSTED"));
    EXPECT_THAT(watch.errors, HasSubstr(GetParam().global));
    EXPECT_THAT(watch.errors, HasSubstr(absl::StrCat("user.", GetParam().own)));
    EXPECT_EQ(client({"file"}).output, "content");
    EXPECT_THAT(client({"--list", "."}).output, HasSubstr("file"));
  }
  EXPECT_EQ(broker.Stop(SIGTERM).exit_status, 0);
}

}  // namespace
}  // namespace fdrpc::filebroker
