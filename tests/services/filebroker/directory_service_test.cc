// Directories as services, over each type of socket.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/directory_fixture.h"
#include "tests/support/files.h"

namespace fdrpc::filebroker {
namespace {

using Code = absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class DirectoryServiceTest : public ::testing::TestWithParam<const char*>,
                             protected DirectoryFixture {
 protected:
  void SetUp() override { Serve(GetParam()); }

  using Listed = std::map<std::string, std::pair<v1::FileKind, uint64_t>>;
  // The status of the call is in `status`.
  static Listed List(Directory& directory, const std::string& path,
                     absl::Status& status) {
    v1::ListRequest request;
    request.set_path(path);
    Listed all;
    auto entries = directory.List(request);
    while (std::optional<v1::Entry> entry = entries.Read()) {
      all[entry->name()] = {entry->kind(), entry->size()};
    }
    status = entries.Finish();
    return all;
  }
};

INSTANTIATE_TEST_SUITE_P(Sockets, DirectoryServiceTest,
                         ::testing::Values("unix", "unix-seqpacket",
                                           "unix-dgram"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(DirectoryServiceTest, OpensFilesRelativeToTheDirectory) {
  tree().MakeDirectory("a/b");
  tree().Write("a/b/file", "content");
  auto a = Enter(broker(), "a");
  ASSERT_TRUE(a.ok()) << a.status();
  auto b = Enter(*a, "b");
  ASSERT_TRUE(b.ok()) << b.status();
  for (auto& [directory, path] :
       {std::pair{*a, "b/file"}, std::pair{*b, "file"}}) {
    auto reply = Directory(directory).Open(OpenRequest(path));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ((*reply)->size(), 7u);
    EXPECT_EQ(testing::ReadRest(reply->file()), "content");
  }
  auto again = Enter(*b, ".");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->Open(OpenRequest("file")).ok());
}

TEST_P(DirectoryServiceTest, NeverLeavesTheDirectory) {
  tree().MakeDirectory("a/b");
  tree().Write("secret", "secret");
  tree().Link("a/up", "../secret");
  tree().Link("a/out", "..");
  auto a = Enter(broker(), "a");
  ASSERT_TRUE(a.ok()) << a.status();
  EXPECT_THAT(std::string(a->Open(OpenRequest("../secret")).status().message()),
              HasSubstr("leaves"));
  absl::Status listed;
  for (const std::string out : {"..", "out", "b/../.."}) {
    EXPECT_EQ(Enter(*a, out).status().code(), Code::kPermissionDenied) << out;
    List(*a, out, listed);
    EXPECT_EQ(listed.code(), Code::kPermissionDenied) << out;
    const std::string beneath = out + "/secret";
    EXPECT_EQ(a->Open(OpenRequest(beneath)).status().code(),
              Code::kPermissionDenied);
    EXPECT_EQ(Unlink(*a, beneath).code(), Code::kPermissionDenied);
    EXPECT_EQ(Rename(*a, beneath, "mine").code(), Code::kPermissionDenied);
    EXPECT_EQ(Rename(*a, "up", beneath).code(), Code::kPermissionDenied);
    EXPECT_EQ(MakeDirectory(*a, out + "/new").code(), Code::kPermissionDenied);
  }
  for (const char* no_name : {".", "..", "b/", "b/.", "b/..", ""}) {
    EXPECT_EQ(Unlink(*a, no_name, true).code(), Code::kInvalidArgument);
    EXPECT_EQ(MakeDirectory(*a, no_name).code(), Code::kInvalidArgument);
    EXPECT_EQ(Rename(*a, no_name, "x").code(), Code::kInvalidArgument);
    EXPECT_EQ(Rename(*a, "up", no_name).code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(Unlink(*a, tree().path("secret")).code(), Code::kInvalidArgument);
  EXPECT_EQ(Unlink(*a, std::string("up\0", 3)).code(), Code::kInvalidArgument);
  EXPECT_EQ(tree().Read("secret"), "secret");
  EXPECT_FALSE(tree().Has("new"));
}

TEST_P(DirectoryServiceTest, ListsEntriesWithKindAndSize) {
  tree().MakeDirectory("a/sub");
  tree().Write("a/file", "0123456789");
  tree().Link("a/link", "file");
  ASSERT_EQ(mkfifo(tree().path("a/fifo").c_str(), 0600), 0);
  auto root = Root();
  ASSERT_TRUE(root.ok()) << root.status();
  absl::Status status;
  EXPECT_THAT(List(*root, "a", status),
              UnorderedElementsAre(
                  Pair("sub", std::pair(v1::FILE_KIND_DIRECTORY, 0u)),
                  Pair("file", std::pair(v1::FILE_KIND_REGULAR, 10u)),
                  Pair("link", std::pair(v1::FILE_KIND_SYMBOLIC_LINK, 0u)),
                  Pair("fifo", std::pair(v1::FILE_KIND_FIFO, 0u))));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(List(*root, "a/sub", status).empty());
  EXPECT_TRUE(status.ok()) << status;
  List(*root, "none", status);
  EXPECT_EQ(status.code(), Code::kNotFound);
  List(*root, "a/file", status);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
}

TEST_P(DirectoryServiceTest, ListsManyEntries) {
  tree().MakeDirectory("many");
  for (int i = 0; i < 300; ++i) {
    tree().Write("many/" + std::to_string(i), "");
  }
  auto root = Root();
  ASSERT_TRUE(root.ok());
  absl::Status status;
  EXPECT_EQ(List(*root, "many", status).size(), 300u);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(DirectoryServiceTest, RenamesAndReplacesUnlessToldNotTo) {
  tree().MakeDirectory("a/full/x");
  tree().Write("one", "one");
  tree().Write("two", "two");
  tree().Link("link", "two");
  auto root = Root();
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(Rename(*root, "one", "two", true).code(), Code::kAlreadyExists);
  EXPECT_EQ(tree().Read("two"), "two");
  EXPECT_TRUE(Rename(*root, "one", "link").ok()) << "the link is replaced";
  EXPECT_EQ(tree().Read("two"), "two");
  EXPECT_EQ(tree().Read("link"), "one");
  EXPECT_TRUE(Rename(*root, "link", "a/new", true).ok());
  EXPECT_EQ(tree().Read("a/new"), "one");
  EXPECT_FALSE(tree().Has("link"));
  EXPECT_EQ(Rename(*root, "none", "x").code(), Code::kNotFound);
  EXPECT_EQ(Rename(*root, "two", "none/x").code(), Code::kNotFound);
  EXPECT_EQ(Rename(*root, "two", "a").code(), Code::kFailedPrecondition);
  EXPECT_EQ(Rename(*root, "a", "two").code(), Code::kFailedPrecondition);
  EXPECT_EQ(Rename(*root, "a", "a/full/a").code(), Code::kInvalidArgument);
  EXPECT_TRUE(MakeDirectory(*root, "b").ok());
  EXPECT_EQ(Rename(*root, "b", "a/full").code(), Code::kFailedPrecondition);
}

TEST_P(DirectoryServiceTest, UnlinksFilesLinksAndEmptyDirectories) {
  tree().MakeDirectory("a/sub");
  tree().Write("a/file", "content");
  tree().Link("link", "a");
  auto root = Root();
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(Unlink(*root, "a", true).code(), Code::kFailedPrecondition);
  EXPECT_EQ(Unlink(*root, "a").code(), Code::kFailedPrecondition);
  EXPECT_EQ(Unlink(*root, "a/file", true).code(), Code::kFailedPrecondition);
  EXPECT_EQ(Unlink(*root, "link", true).code(), Code::kFailedPrecondition);
  EXPECT_TRUE(Unlink(*root, "link").ok());
  EXPECT_TRUE(tree().Has("a/file"));
  EXPECT_TRUE(Unlink(*root, "a/file").ok());
  EXPECT_EQ(Unlink(*root, "a/file").code(), Code::kNotFound);
  EXPECT_TRUE(Unlink(*root, "a/sub", true).ok());
  EXPECT_TRUE(Unlink(*root, "a", true).ok());
  EXPECT_FALSE(tree().Has("a"));
}

TEST_P(DirectoryServiceTest, MakesDirectories) {
  auto root = Root();
  ASSERT_TRUE(root.ok());
  EXPECT_TRUE(MakeDirectory(*root, "new").ok());
  EXPECT_EQ(tree().Permissions("new"), 0700);
  EXPECT_EQ(MakeDirectory(*root, "new").code(), Code::kAlreadyExists);
  EXPECT_EQ(MakeDirectory(*root, "none/x").code(), Code::kNotFound);
  v1::MakeDirectoryRequest request;
  request.set_path("new/open");
  request.set_permissions(0500);
  EXPECT_TRUE(root->MakeDirectory(request).ok());
  EXPECT_EQ(tree().Permissions("new/open"), 0500);
  request.set_path("new/set-user-id");
  request.set_permissions(04755);
  EXPECT_EQ(root->MakeDirectory(request).status().code(),
            Code::kInvalidArgument);
}

TEST_P(DirectoryServiceTest, ReadOnlyNarrowsAndNothingWidensIt) {
  tree().MakeDirectory("a/b");
  tree().Write("a/b/file", "content");
  auto a = Enter(broker(), "a", true);
  ASSERT_TRUE(a.ok()) << a.status();
  auto b = Enter(*a, "b", false);
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_TRUE(b->Open(OpenRequest("file")).ok());
  absl::Status status;
  EXPECT_EQ(List(*b, ".", status).size(), 1u);
  EXPECT_EQ(b->Open(OpenRequest("file", v1::ACCESS_WRITE)).status().code(),
            Code::kPermissionDenied);
  EXPECT_EQ(Rename(*b, "file", "x").code(), Code::kPermissionDenied);
  EXPECT_EQ(Unlink(*b, "file").code(), Code::kPermissionDenied);
  EXPECT_EQ(MakeDirectory(*b, "x").code(), Code::kPermissionDenied);
  EXPECT_EQ(tree().Read("a/b/file"), "content");
}

TEST_P(DirectoryServiceTest, StaysTheSameDirectoryWhenItIsRenamed) {
  tree().MakeDirectory("a");
  tree().Write("a/file", "content");
  auto root = Root();
  auto a = Enter(broker(), "a");
  ASSERT_TRUE(root.ok() && a.ok());
  ASSERT_TRUE(Rename(*root, "a", "renamed").ok());
  EXPECT_TRUE(a->Open(OpenRequest("file")).ok());
  ASSERT_TRUE(Unlink(*a, "file").ok());
  ASSERT_TRUE(Unlink(*root, "renamed", true).ok());
  EXPECT_EQ(MakeDirectory(*a, "x").code(), Code::kNotFound);
}

TEST_P(DirectoryServiceTest, SaysThatThereIsNoDirectory) {
  tree().Write("file", "content");
  EXPECT_EQ(Enter(broker(), "none").status().code(), Code::kNotFound);
  EXPECT_EQ(Enter(broker(), "").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Enter(broker(), "/").status().code(), Code::kInvalidArgument);
  const absl::Status file = Enter(broker(), "file").status();
  EXPECT_EQ(file.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(file.message()), HasSubstr("is not a directory"));
}

// A process that has inherited nothing but the socket of the service.
TEST_P(DirectoryServiceTest, IsUsedByAProcessThatItWasPassedTo) {
  tree().MakeDirectory("a");
  tree().Write("a/file", "content");
  tree().Write("secret", "secret");
  auto reply = broker().OpenDirectory(DirectoryRequest("a"));
  ASSERT_TRUE(reply.ok()) << reply.status();
  UniqueFd socket = reply->take_directory_socket();
  const pid_t child = fork();
  if (child == 0) {
    absl::StatusOr<Channel> channel = Channel::FromSocket(std::move(socket));
    if (!channel.ok()) _exit(2);
    Directory directory(*channel);
    auto file = directory.Open(OpenRequest("file"));
    const bool reads =
        file.ok() && testing::ReadRest(file->file()) == "content";
    const bool leaves = directory.Open(OpenRequest("../secret")).ok();
    const bool makes = MakeDirectory(directory, "by-child").ok();
    _exit(reads && makes && !leaves ? 0 : 1);
  }
  socket.Reset();
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(tree().Has("a/by-child"));
}

TEST_P(DirectoryServiceTest, AUserHasNoMoreDirectoriesThanTheLimit) {
  std::vector<Directory> all;
  auto root = Root();
  ASSERT_TRUE(root.ok());
  while (all.size() + 1 < DirectoryServer::kMostDirectoriesOfUser) {
    auto next = Enter(*root, ".");
    ASSERT_TRUE(next.ok()) << next.status();
    all.push_back(*std::move(next));
  }
  const absl::Status refused = Enter(*root, ".").status();
  EXPECT_EQ(refused.code(), Code::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("256 directories, which is the limit; release"));
  all.clear();
  // The broker learns of it a moment later.
  absl::StatusOr<Directory> next = refused;
  while (!next.ok()) {
    ASSERT_EQ(next.status().code(), Code::kResourceExhausted);
    next = Enter(*root, ".");
  }
}

}  // namespace
}  // namespace fdrpc::filebroker
