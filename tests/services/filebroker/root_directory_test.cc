#include "services/filebroker/root_directory.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/tree.h"
#include "tests/services/program/program.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::filebroker {
namespace {

using ::testing::HasSubstr;
using Creation = OpenOptions::Creation;

constexpr OpenOptions kRead = {.read = true};
constexpr OpenOptions kWrite = {.write = true};

class RootDirectoryTest : public ::testing::Test {
 protected:
  RootDirectoryTest() : root_(RootDirectory::Create(tree_.path())) {
    EXPECT_TRUE(root_.ok()) << root_.status();
  }

  // The content of the file, or the name of the status.
  std::string Content(std::string_view path) const {
    absl::StatusOr<OpenedFile> file = root_->Open(path, kRead);
    if (!file.ok()) return absl::StatusCodeToString(file.status().code());
    return testing::ReadRest(file->fd.get());
  }
  absl::StatusCode CodeOf(std::string_view path, const OpenOptions& options) {
    return root_->Open(path, options).status().code();
  }
  // Opens and writes.
  absl::Status Put(std::string_view path, const OpenOptions& options,
                   const std::string& text) const {
    absl::StatusOr<OpenedFile> file = root_->Open(path, options);
    if (!file.ok()) return file.status();
    EXPECT_EQ(write(file->fd.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
    return absl::OkStatus();
  }

  testing::ExpectSameDescriptors census_;
  testing::Tree tree_;
  absl::StatusOr<RootDirectory> root_;
};

TEST_F(RootDirectoryTest, OpensAFileForReading) {
  tree_.MakeDirectory("a/b");
  tree_.Write("a/b/file", "content");
  absl::StatusOr<OpenedFile> file = root_->Open("a/b/file", kRead);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(testing::ReadRest(file->fd.get()), "content");
  EXPECT_TRUE(S_ISREG(file->info.st_mode));
  EXPECT_EQ(file->info.st_size, 7);
  EXPECT_TRUE(testing::HasCloseOnExec(file->fd.get()));
  EXPECT_EQ(fcntl(file->fd.get(), F_GETFL) & (O_ACCMODE | O_NONBLOCK),
            O_RDONLY);
  EXPECT_EQ(Content("./a//b/../b/file"), "content");
}

TEST_F(RootDirectoryTest, OpensForWritingWithoutReadingAndTheOtherWayRound) {
  tree_.Write("file", "0123456789");
  EXPECT_TRUE(Put("file", kWrite, "abc").ok());
  EXPECT_EQ(tree_.Read("file"), "abc3456789");
  char byte;
  absl::StatusOr<OpenedFile> written = root_->Open("file", kWrite);
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(read(written->fd.get(), &byte, 1), -1);
  absl::StatusOr<OpenedFile> read_only = root_->Open("file", kRead);
  ASSERT_TRUE(read_only.ok());
  EXPECT_EQ(write(read_only->fd.get(), "x", 1), -1);
  absl::StatusOr<OpenedFile> both =
      root_->Open("file", {.read = true, .write = true});
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(write(both->fd.get(), "A", 1), 1);
  EXPECT_EQ(testing::ReadRest(both->fd.get()), "bc3456789");
}

TEST_F(RootDirectoryTest, AppendsWhateverTheOffset) {
  tree_.Write("file", "first ");
  absl::StatusOr<OpenedFile> file =
      root_->Open("file", {.write = true, .append = true});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(lseek(file->fd.get(), 0, SEEK_SET), 0);
  EXPECT_EQ(write(file->fd.get(), "second", 6), 6);
  EXPECT_EQ(tree_.Read("file"), "first second");
}

TEST_F(RootDirectoryTest, TruncatesOnlyWhenAsked) {
  tree_.Write("file", "long content");
  EXPECT_TRUE(Put("file", {.write = true, .truncate = true}, "new").ok());
  EXPECT_EQ(tree_.Read("file"), "new");
}

TEST_F(RootDirectoryTest, CreatesAFileOnlyWhenAsked) {
  EXPECT_EQ(CodeOf("file", kWrite), absl::StatusCode::kNotFound);
  EXPECT_FALSE(tree_.Has("file"));
  const OpenOptions create = {.write = true, .creation = Creation::kIfMissing};
  EXPECT_TRUE(Put("file", create, "made").ok());
  EXPECT_TRUE(Put("file", create, "again").ok()) << "there is one now";
  EXPECT_EQ(tree_.Read("file"), "again");
  EXPECT_EQ(CodeOf("no-such-directory/file", create),
            absl::StatusCode::kNotFound);
}

TEST_F(RootDirectoryTest, CreatesWithTheGivenPermissionsLessTheUmask) {
  const mode_t former = umask(027);
  OpenOptions options = {.write = true, .creation = Creation::kIfMissing};
  EXPECT_TRUE(Put("default", options, "").ok());
  options.permissions = 0777;
  EXPECT_TRUE(Put("wide", options, "").ok());
  options.permissions = 0;
  EXPECT_TRUE(Put("none", options, "").ok());
  umask(former);
  EXPECT_EQ(tree_.Permissions("default"), 0600);
  EXPECT_EQ(tree_.Permissions("wide"), 0750);
  EXPECT_EQ(tree_.Permissions("none"), 0);
}

TEST_F(RootDirectoryTest, ExclusiveCreationFailsIfThereIsSomething) {
  const OpenOptions exclusive = {.write = true,
                                 .creation = Creation::kExclusive};
  EXPECT_TRUE(Put("file", exclusive, "mine").ok());
  EXPECT_EQ(CodeOf("file", exclusive), absl::StatusCode::kAlreadyExists);
  tree_.Link("dangling", "nothing");
  EXPECT_EQ(CodeOf("dangling", exclusive), absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(tree_.Has("nothing"));
}

TEST_F(RootDirectoryTest, RefusesOptionsThatMakeNoSense) {
  tree_.Write("file", "content");
  const OpenOptions wrong[] = {
      {},
      {.read = true, .creation = Creation::kIfMissing},
      {.read = true, .truncate = true},
      {.read = true, .append = true},
      {.write = true, .permissions = 01777},
      {.write = true, .permissions = 04755},
      {.write = true, .permissions = 0xffffffff},
  };
  for (const OpenOptions& options : wrong) {
    EXPECT_EQ(CodeOf("file", options), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(tree_.Read("file"), "content");
}

TEST_F(RootDirectoryTest, RefusesPathsThatAreNone) {
  tree_.Write("file", "content");
  using namespace std::string_literals;
  for (const std::string& path :
       {""s, "/"s, "/etc/passwd"s, tree_.path("file"), "file\0"s,
        "file\0/../../outside"s, "\0"s, std::string(256, 'x'),
        std::string(5000, 'x'), std::string(70000, '/') + "file"}) {
    EXPECT_EQ(CodeOf(path, kRead), absl::StatusCode::kInvalidArgument)
        << path.substr(0, 40);
  }
}

TEST_F(RootDirectoryTest, RefusesPathsThatLeaveTheRoot) {
  tree_.MakeDirectory("a");
  tree_.Write("file", "content");
  for (const char* path :
       {"..", "../outside", "a/../../outside", "../root/file",
        "a/../../root/file", "./../outside", "../no-such-file"}) {
    absl::StatusOr<OpenedFile> file = root_->Open(path, kRead);
    EXPECT_EQ(file.status().code(), absl::StatusCode::kPermissionDenied)
        << path;
    EXPECT_THAT(std::string(file.status().message()),
                HasSubstr("leaves the broker's root"));
  }
  const OpenOptions create = {.write = true, .creation = Creation::kIfMissing};
  EXPECT_EQ(CodeOf("../new", create), absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(tree_.Has("../new"));
}

TEST_F(RootDirectoryTest, FollowsSymbolicLinksThatStayBeneathTheRoot) {
  tree_.MakeDirectory("a/b");
  tree_.Write("file", "content");
  tree_.Link("to-file", "file");
  tree_.Link("a/up", "../file");
  tree_.Link("to-b", "a/b");
  tree_.Link("chain", "to-file");
  for (const char* path : {"to-file", "a/up", "to-b/../../file", "chain"}) {
    EXPECT_EQ(Content(path), "content") << path;
  }
  tree_.Link("will-be", "a/made");
  EXPECT_TRUE(
      Put("will-be", {.write = true, .creation = Creation::kIfMissing}, "made")
          .ok());
  EXPECT_EQ(tree_.Read("a/made"), "made");
}

TEST_F(RootDirectoryTest, RefusesSymbolicLinksThatLeaveTheRoot) {
  tree_.MakeDirectory("a");
  tree_.Write("file", "content");
  tree_.Link("relative", "../outside");
  tree_.Link("absolute", "/etc/passwd");
  tree_.Link("absolute-into", tree_.path("file"));
  tree_.Link("directory", "..");
  tree_.Link("a/chain", "../relative");
  tree_.Link("a/round", "../../root/file");
  for (const char* path : {"relative", "absolute", "absolute-into",
                           "directory/outside", "a/chain", "a/round"}) {
    absl::StatusOr<OpenedFile> file = root_->Open(path, kRead);
    EXPECT_EQ(file.status().code(), absl::StatusCode::kPermissionDenied)
        << path;
  }
  tree_.Link("creates", "../created");
  EXPECT_EQ(
      CodeOf("creates", {.write = true, .creation = Creation::kIfMissing}),
      absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(tree_.Has("../created"));
}

TEST_F(RootDirectoryTest, RefusesLoopsOfSymbolicLinks) {
  tree_.Link("a", "b");
  tree_.Link("b", "a");
  EXPECT_EQ(CodeOf("a", kRead), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RootDirectoryTest, RefusesLinksThatTheKernelMakesUp) {
  absl::StatusOr<RootDirectory> proc = RootDirectory::Create("/proc/self");
  ASSERT_TRUE(proc.ok()) << proc.status();
  tree_.Write("file", "content");
  absl::StatusOr<OpenedFile> held = root_->Open("file", kRead);
  ASSERT_TRUE(held.ok());
  const std::string link = "fd/" + std::to_string(held->fd.get());
  for (const std::string& path : {link, std::string("root/etc/passwd")}) {
    const absl::Status status = proc->Open(path, kRead).status();
    EXPECT_TRUE(status.code() == absl::StatusCode::kFailedPrecondition ||
                status.code() == absl::StatusCode::kPermissionDenied)
        << status;
  }
}

TEST_F(RootDirectoryTest, RefusesDirectories) {
  tree_.MakeDirectory("a");
  for (const char* path : {"a", ".", "a/", "a/.."}) {
    for (const OpenOptions& options : {kRead, kWrite}) {
      EXPECT_EQ(CodeOf(path, options), absl::StatusCode::kFailedPrecondition)
          << path;
    }
  }
}

TEST_F(RootDirectoryTest, OpensAFifoWithoutWaitingForItsOtherEnd) {
  ASSERT_EQ(mkfifo(tree_.path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(CodeOf("fifo", kWrite), absl::StatusCode::kFailedPrecondition);
  absl::StatusOr<OpenedFile> reader = root_->Open("fifo", kRead);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(S_ISFIFO(reader->info.st_mode));
  absl::StatusOr<OpenedFile> writer = root_->Open("fifo", kWrite);
  ASSERT_TRUE(writer.ok()) << "there is a reader now: " << writer.status();
  EXPECT_EQ(fcntl(reader->fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(writer->fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(write(writer->fd.get(), "through", 7), 7);
  writer->fd.Reset();
  EXPECT_EQ(testing::ReadRest(reader->fd.get()), "through");
}

TEST_F(RootDirectoryTest, RefusesSockets) {
  UniqueFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  tree_.path("socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(socket_fd.get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof(address)),
            0);
  EXPECT_EQ(CodeOf("socket", kRead), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RootDirectoryTest, SaysWhyAFileCannotBeOpened) {
  tree_.Write("file", "content");
  EXPECT_EQ(CodeOf("no-such-file", kRead), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf("no-such-directory/file", kRead),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf("file/further", kRead),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(RootDirectoryTest, HasNoMoreRightsThanItsProcess) {
  tree_.Write("file", "content");
  std::filesystem::permissions(tree_.path("file"),
                               std::filesystem::perms::none);
  testing::WithoutRights nobody;
  EXPECT_EQ(CodeOf("file", kRead), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf("file", kWrite), absl::StatusCode::kPermissionDenied);
}

TEST_F(RootDirectoryTest, RefusesToWriteToAProgramThatRuns) {
  std::filesystem::copy_file("/bin/sleep", tree_.path("program"));
  testing::Program program({tree_.path("program"), "1000"});
  EXPECT_EQ(CodeOf("program", kWrite), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(root_->Open("program", kRead).ok());
}

TEST_F(RootDirectoryTest, DoesNotWaitForALease) {
  tree_.Write("file", "content");
  UniqueFd holder(open(tree_.path("file").c_str(), O_RDONLY | O_CLOEXEC));
  const auto former = std::signal(SIGIO, SIG_IGN);
  ASSERT_EQ(fcntl(holder.get(), F_SETLEASE, F_WRLCK), 0);
  EXPECT_EQ(CodeOf("file", kRead), absl::StatusCode::kUnavailable);
  holder.Reset();
  EXPECT_EQ(Content("file"), "content");
  std::signal(SIGIO, former);
}

TEST_F(RootDirectoryTest, SaysThatNoDescriptorIsLeft) {
  const RootDirectory& root = *root_;
  tree_.Write("file", "content");
  rlimit former = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
  const UniqueFd next(dup(STDIN_FILENO));
  rlimit none = former;
  none.rlim_cur = static_cast<rlim_t>(next.get()) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  // Nothing else may happen meanwhile, because a sanitizer needs descriptors,
  // too.
  const absl::Status status = root.Open("file", kRead).status();
  setrlimit(RLIMIT_NOFILE, &former);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Content("file"), "content");
}

TEST_F(RootDirectoryTest, KeepsToItsDirectoryWhenThatIsRenamedOrShutAway) {
  tree_.Write("file", "content");
  std::filesystem::rename(tree_.around().file("root"),
                          tree_.around().file("renamed"));
  EXPECT_EQ(Content("file"), "content");
}

TEST_F(RootDirectoryTest, NeedsADirectory) {
  tree_.Write("file", "content");
  EXPECT_EQ(RootDirectory::Create(tree_.path("none")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(RootDirectory::Create(tree_.path("file")).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace fdrpc::filebroker
