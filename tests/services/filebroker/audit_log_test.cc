#include "services/filebroker/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/directory_fixture.h"
#include "tests/support/files.h"

namespace fdrpc::filebroker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr PeerCredentials kClient = {.uid = 7, .gid = 8, .pid = 9};

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

TEST(AuditLogTest, WritesALineForEachOperation) {
  testing::ExpectSameDescriptors census;
  testing::Tree tree;
  auto log = AuditLog::Create(tree.path("log"));
  ASSERT_TRUE(log.ok()) << log.status();
  (*log)->Record(kClient, "Rename", {"a b", "c\n\" OK\xff"},
                 absl::NotFoundError("x"));
  (*log)->Record(kClient, "Open", {"d"}, absl::OkStatus());
  const std::string time =
      "[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+[.][0-9]+Z";
  EXPECT_THAT(LinesOf(tree.Read("log")),
              ElementsAre(MatchesRegex(time + " uid=7 pid=9 Rename \"a b\" "
                                              "\"c.n.\" OK.xff\" NOT_FOUND"),
                          MatchesRegex(time + " uid=7 pid=9 Open \"d\" OK")));
  EXPECT_EQ(tree.Permissions("log"), 0600);
}

TEST(AuditLogTest, AppendsAndOpensTheFileAnewWhenAsked) {
  testing::Tree tree;
  tree.Write("log", "former\n");
  auto log = AuditLog::Create(tree.path("log"));
  ASSERT_TRUE(log.ok()) << log.status();
  (*log)->Record(kClient, "One", {}, absl::OkStatus());
  ASSERT_EQ(rename(tree.path("log").c_str(), tree.path("old").c_str()), 0);
  (*log)->Record(kClient, "Two", {}, absl::OkStatus());
  EXPECT_FALSE(tree.Has("log"));
  (*log)->RequestReopening();
  (*log)->Record(kClient, "Three", {}, absl::OkStatus());
  EXPECT_THAT(
      LinesOf(tree.Read("old")),
      ElementsAre("former", HasSubstr(" One OK"), HasSubstr(" Two OK")));
  EXPECT_THAT(LinesOf(tree.Read("log")), ElementsAre(HasSubstr(" Three OK")));
}

TEST(AuditLogTest, KeepsTheFormerFileIfItCannotOpenANewOne) {
  testing::Tree tree;
  auto log = AuditLog::Create(tree.path("log"));
  ASSERT_TRUE(log.ok()) << log.status();
  ASSERT_EQ(rename(tree.path("log").c_str(), tree.path("old").c_str()), 0);
  tree.MakeDirectory("log");
  (*log)->RequestReopening();
  ::testing::internal::CaptureStderr();
  (*log)->Record(kClient, "One", {}, absl::OkStatus());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("it continues in the former file"));
  EXPECT_THAT(tree.Read("old"), HasSubstr("One"));
}

TEST(AuditLogTest, ReportsAFullDiskOnce) {
  auto log = AuditLog::Create("/dev/full");
  ASSERT_TRUE(log.ok()) << log.status();
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) {
    (*log)->Record(kClient, "One", {}, absl::OkStatus());
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "fdrpc-filebroker: the audit log /dev/full loses lines: No space "
            "left on device\n");
}

TEST(AuditLogTest, NeverWaitsForAReader) {
  testing::Tree tree;
  const std::string fifo = tree.path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(std::string(AuditLog::Create(fifo).status().message()),
              HasSubstr(fifo));
  const UniqueFd reader(open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto log = AuditLog::Create(fifo);
  ASSERT_TRUE(log.ok()) << log.status();
  ::testing::internal::CaptureStderr();
  // More than a pipe holds.
  for (int i = 0; i < 3000; ++i) {
    (*log)->Record(kClient, "One", {std::string(100, 'x')}, absl::OkStatus());
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("loses lines: nobody reads it"));
}

class AuditedServiceTest : public ::testing::Test,
                           protected DirectoryFixture {};

TEST_F(AuditedServiceTest, LogsEachOperationWithThePathFromTheRoot) {
  auto log = AuditLog::Create(tree().around().file("log"));
  ASSERT_TRUE(log.ok()) << log.status();
  Serve("unix", {}, log->get());
  tree().MakeDirectory("a");
  tree().Write("a/file", "content");
  EXPECT_FALSE(broker().Open(OpenRequest("none")).ok());
  {
    auto a = Enter(broker(), "a");
    ASSERT_TRUE(a.ok()) << a.status();
    EXPECT_TRUE(a->Open(OpenRequest("file")).ok());
    EXPECT_TRUE(Rename(*a, "file", "new").ok());
    EXPECT_TRUE(MakeDirectory(*a, "sub").ok());
    EXPECT_FALSE(Unlink(*a, "../a").ok());
    v1::ListRequest list;
    list.set_path(".");
    auto entries = a->List(list);
    while (entries.Read().has_value()) {
    }
    EXPECT_TRUE(entries.Finish().ok());
  }
  const std::string who = " uid=" + std::to_string(geteuid()) +
                          " pid=" + std::to_string(getpid()) + " ";
  EXPECT_THAT(
      LinesOf(tree().Read("../log")),
      ElementsAre(HasSubstr(who + "Open \"none\" NOT_FOUND"),
                  HasSubstr(who + "OpenDirectory \"a\" OK"),
                  HasSubstr(who + "Open \"a/file\" OK"),
                  HasSubstr(who + "Rename \"a/file\" \"a/new\" OK"),
                  HasSubstr(who + "MakeDirectory \"a/sub\" OK"),
                  HasSubstr(who + "Unlink \"a/../a\" PERMISSION_DENIED"),
                  HasSubstr(who + "List \"a/.\" OK")));
  Stop();
}

TEST_F(AuditedServiceTest, LogsThatAUserHasNoRoot) {
  auto log = AuditLog::Create(tree().around().file("log"));
  ASSERT_TRUE(log.ok()) << log.status();
  Serve("unix", {.user_roots = {{geteuid() + 1, tree().path()}}}, log->get());
  EXPECT_EQ(broker().Open(OpenRequest("x")).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Root().status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(LinesOf(tree().Read("../log")),
              ElementsAre(HasSubstr(" Open \"x\" PERMISSION_DENIED"),
                          HasSubstr(" OpenDirectory \".\" PERMISSION_DENIED")));
  Stop();
}

}  // namespace
}  // namespace fdrpc::filebroker
