#include "os/socket_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kSomebody = 4711;

struct stat StatOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
  return info;
}
mode_t ModeOf(const std::string& path) { return StatOf(path).st_mode & 07777; }

UniqueFd NewSocket(int type = SOCK_STREAM) {
  return UniqueFd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
}

class SocketFileTest : public ::testing::Test {
 protected:
  std::string Path() { return dir_.file("socket"); }
  std::string LockPath() { return dir_.file("socket.lock"); }
  static bool Exists(const std::string& path) {
    return std::filesystem::exists(std::filesystem::symlink_status(path));
  }
  static UnixAddress AddressOf(const std::string& path) {
    absl::StatusOr<UnixAddress> address = UnixAddress::FromPath(path);
    EXPECT_TRUE(address.ok()) << address.status();
    return *address;
  }
  UnixAddress Address() { return AddressOf(Path()); }
  absl::StatusOr<SocketFile> Bind(const ListenOptions& options = {}) {
    return SocketFile::Bind(socket_.get(), Address(), options);
  }
  absl::Status BindError(const ListenOptions& options = {}) {
    return SocketFile::Bind(NewSocket().get(), Address(), options).status();
  }
  void BindAsOtherSoftware(const UniqueFd& socket) {
    const UnixAddress address = Address();
    ASSERT_EQ(bind(socket.get(), address.socket_address(), address.length()),
              0);
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  UniqueFd socket_ = NewSocket();
};

TEST_F(SocketFileTest, IsThereWithItsLockForAsLongAsItIsOwned) {
  {
    const absl::StatusOr<SocketFile> file = Bind();
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(S_ISSOCK(StatOf(Path()).st_mode));
    EXPECT_EQ(ModeOf(LockPath()), 0600u);
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(SocketFileTest, IsOfSocketsOfEachType) {
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
    const UniqueFd first = NewSocket(type);
    const absl::StatusOr<SocketFile> file =
        SocketFile::Bind(first.get(), Address(), {.mode = 0600});
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(ModeOf(Path()), 0600u);
  }
}

TEST_F(SocketFileTest, HasTheModeThatIsAskedForWhateverTheUmask) {
  for (const mode_t mask : {0u, 077u, 0777u}) {
    const mode_t before = umask(mask);
    const absl::StatusOr<SocketFile> file =
        SocketFile::Bind(NewSocket().get(), Address(), {.mode = 0626});
    umask(before);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(ModeOf(Path()), 0626u);
  }
}

TEST_F(SocketFileTest, HasTheModeThatTheUmaskLeavesIfNoneIsAskedFor) {
  const mode_t before = umask(027);
  const absl::StatusOr<SocketFile> file = Bind();
  umask(before);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(ModeOf(Path()), 0750u);
}

TEST_F(SocketFileTest, HasTheOwnerAndTheGroupThatAreAskedFor) {
  if (geteuid() != 0) GTEST_SKIP() << "needs other users";
  {
    const absl::StatusOr<SocketFile> file =
        Bind({.mode = 0640, .owner = kSomebody, .group = kSomebody + 1});
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(StatOf(Path()).st_uid, kSomebody);
    EXPECT_EQ(StatOf(Path()).st_gid, kSomebody + 1);
    EXPECT_EQ(ModeOf(Path()), 0640u);
  }
  const absl::StatusOr<SocketFile> file =
      SocketFile::Bind(NewSocket().get(), Address(), {.group = kSomebody});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(StatOf(Path()).st_uid, geteuid());
  EXPECT_EQ(StatOf(Path()).st_gid, kSomebody);
}

TEST_F(SocketFileTest, CannotBeGivenAwayWithoutPrivileges) {
  ASSERT_EQ(chmod(dir_.path().c_str(), 01777), 0);
  EXPECT_EQ(InChild([this] {
              BecomeUnprivileged();
              for (const ListenOptions& options :
                   {ListenOptions{.owner = kSomebody},
                    ListenOptions{.group = kSomebody}}) {
                const absl::Status status = Bind(options).status();
                if (!absl::IsPermissionDenied(status)) return 1;
                const std::string why(status.message());
                if (why.find("owner or group of " + Path()) == why.npos) {
                  return 2;
                }
                if (Exists(Path()) || Exists(LockPath())) return 3;
                socket_ = NewSocket();
              }
              return 0;
            }),
            0);
}

TEST_F(SocketFileTest, HasNoPermissionsBeforeItsOwnerAndModeAreSet) {
  mode_t at_chown = 1;
  mode_t at_chmod = 1;
  const FaultInjection watching([&](std::string_view name, size_t) {
    if (name == "fchownat") at_chown = ModeOf(Path());
    if (name == "chmod") at_chmod = ModeOf(Path());
    return FaultInjection::Fault();
  });
  const absl::StatusOr<SocketFile> file =
      Bind({.mode = 0666, .owner = geteuid(), .group = getegid()});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(at_chown, 0u);
  EXPECT_EQ(at_chmod, 0u);
  EXPECT_EQ(ModeOf(Path()), 0666u);
}

TEST_F(SocketFileTest, ChangesNothingButTheSocket) {
  std::ofstream(dir_.file("precious")) << "x";
  ASSERT_EQ(chmod(dir_.file("precious").c_str(), 0600), 0);
  // Meanwhile somebody with write permission puts a link there.
  const FaultInjection meanwhile([&](std::string_view name, size_t index) {
    if (name == "openat" && index == 2) {
      EXPECT_EQ(unlink(Path().c_str()), 0);
      EXPECT_EQ(symlink(dir_.file("precious").c_str(), Path().c_str()), 0);
    }
    return FaultInjection::Fault();
  });
  EXPECT_EQ(Bind({.mode = 0666}).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ModeOf(dir_.file("precious")), 0600u);
  EXPECT_TRUE(std::filesystem::is_symlink(Path()));
}

TEST_F(SocketFileTest, TakesNothingButPermissions) {
  const absl::Status status = BindError({.mode = 04755});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("0777"));
  const absl::StatusOr<UnixAddress> abstract =
      UnixAddress::Parse("unix:@" + dir_.path());
  ASSERT_TRUE(abstract.ok());
  EXPECT_EQ(SocketFile::Bind(socket_.get(), *abstract, {.group = getegid()})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(SocketFile::Bind(socket_.get(), *abstract, {}).ok());
}

TEST_F(SocketFileTest, NamesADirectoryThatDoesNotExist) {
  const absl::Status status =
      SocketFile::Bind(socket_.get(), AddressOf(dir_.file("no/socket")), {})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("directory " + dir_.file("no")));
}

TEST_F(SocketFileTest, IsNotMadeWhereEverybodyCouldReplaceIt) {
  ASSERT_EQ(chmod(dir_.path().c_str(), 0777), 0);
  const absl::Status status = BindError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(dir_.path()));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  ASSERT_EQ(chmod(dir_.path().c_str(), 01777), 0);
  EXPECT_TRUE(BindError().ok()) << "as in /tmp";
}

TEST_F(SocketFileTest, IsFoundAgainFromAnotherWorkingDirectory) {
  EXPECT_EQ(InChild([this] {
              if (chdir(dir_.path().c_str()) != 0) return 1;
              {
                const absl::StatusOr<SocketFile> file =
                    SocketFile::Bind(socket_.get(), AddressOf("socket"), {});
                if (!file.ok() || chdir("/") != 0) return 2;
              }
              return Exists(Path()) || Exists(LockPath()) ? 3 : 0;
            }),
            0);
}

TEST_F(SocketFileTest, IsNotTakenFromWhoHoldsTheLockNorIsItAsked) {
  const UniqueFd lock(
      open(LockPath().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
  BindAsOtherSoftware(socket_);
  const FaultInjection counting(
      [](std::string_view, size_t) { return FaultInjection::Fault(); });
  const absl::Status status = BindError();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(status.message(), HasSubstr(LockPath()));
  EXPECT_EQ(counting.CountOf("connect"), 0u);
  EXPECT_TRUE(Exists(Path()));
  EXPECT_TRUE(Exists(LockPath()));
}

TEST_F(SocketFileTest, TakesALockThatADeadServerHasLeft) {
  std::ofstream(LockPath()) << "";
  const absl::StatusOr<SocketFile> file = Bind();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(BindError().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(SocketFileTest, LocksTheLockFileThatOthersFind) {
  std::ofstream(LockPath()) << "";
  // The holder ends after this process has opened the file, and another one
  // makes a new file.
  const FaultInjection meanwhile([&](std::string_view name, size_t index) {
    if (name == "flock" && index < 2) {
      std::filesystem::rename(LockPath(), dir_.file("gone"));
      if (index == 0) std::ofstream(LockPath()) << "";
    }
    return FaultInjection::Fault();
  });
  const absl::StatusOr<SocketFile> file = Bind();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(meanwhile.CountOf("flock"), 3u);
  EXPECT_EQ(BindError().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(SocketFileTest, RefusesTheLockFileOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs other users";
  std::ofstream(LockPath()) << "";
  ASSERT_EQ(chown(LockPath().c_str(), kSomebody, kSomebody), 0);
  const absl::Status status = BindError();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(status.message(), HasSubstr(LockPath()));
  EXPECT_TRUE(Exists(LockPath()));
  // Nor can an unprivileged user open it.
  ASSERT_EQ(chmod(LockPath().c_str(), 0600), 0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 01777), 0);
  EXPECT_EQ(InChild([this] {
              BecomeUnprivileged();
              const absl::Status unprivileged = BindError();
              const std::string why(unprivileged.message());
              return absl::IsPermissionDenied(unprivileged) &&
                             why.find(LockPath()) != why.npos
                         ? 0
                         : 1;
            }),
            0);
}

TEST_F(SocketFileTest, LocksNothingButFiles) {
  const auto refuses = [this] {
    const absl::Status status = BindError();
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
    EXPECT_THAT(status.message(), HasSubstr(LockPath()));
    EXPECT_FALSE(Exists(Path()));
    EXPECT_TRUE(std::filesystem::remove(LockPath()));
  };
  ASSERT_EQ(mkfifo(LockPath().c_str(), 0600), 0);
  refuses();
  std::filesystem::create_directory(LockPath());
  refuses();
  std::filesystem::create_symlink(dir_.file("made"), LockPath());
  refuses();
  EXPECT_FALSE(Exists(dir_.file("made"))) << "the link was followed";
}

TEST_F(SocketFileTest, IsNotTakenFromServersWithoutALock) {
  const UniqueFd datagrams = NewSocket(SOCK_DGRAM);
  BindAsOtherSoftware(datagrams);
  const absl::Status status = BindError();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(status.message(), HasSubstr(Path()));
  EXPECT_TRUE(Exists(Path()));
  EXPECT_FALSE(Exists(LockPath()));
}

TEST_F(SocketFileTest, IsNotTakenFromAServerThatBindsMeanwhile) {
  const FaultInjection meanwhile([&](std::string_view name, size_t) {
    if (name == "bind") BindAsOtherSoftware(socket_);
    return FaultInjection::Fault();
  });
  const absl::Status status = BindError();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_TRUE(Exists(Path()));
}

TEST_F(SocketFileTest, TakesALongPath) {
  std::string deep = dir_.path();
  for (int i = 0; i < 4; ++i) deep += "/" + std::string(100, 'd');
  std::filesystem::create_directories(deep);
  const UnixAddress address = AddressOf(deep + "/" + std::string(75, 's'));
  {
    const absl::StatusOr<SocketFile> file =
        SocketFile::Bind(socket_.get(), address, {.mode = 0600});
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(ModeOf(address.path()), 0600u);
    // Its name means nothing to a successor, which leaves it.
    EXPECT_TRUE(SocketFile::TakeOver(socket_.get()).ok());
    EXPECT_TRUE(Exists(address.path()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(deep));
}

TEST_F(SocketFileTest, IsTakenOverWithTheLock) {
  {
    absl::StatusOr<SocketFile> first = Bind();
    ASSERT_TRUE(first.ok()) << first.status();
    first->Leave();
    EXPECT_FALSE(Exists(LockPath()));
  }
  EXPECT_TRUE(Exists(Path()));
  {
    const absl::StatusOr<SocketFile> second =
        SocketFile::TakeOver(socket_.get());
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_THAT(BindError().message(), HasSubstr(LockPath()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(SocketFileTest, IsTakenOverWithoutTheLockIfAnotherHasThat) {
  BindAsOtherSoftware(socket_);
  const UniqueFd lock(
      open(LockPath().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
  {
    const absl::StatusOr<SocketFile> file = SocketFile::TakeOver(socket_.get());
    ASSERT_TRUE(file.ok()) << file.status();
  }
  EXPECT_FALSE(Exists(Path()));
  EXPECT_TRUE(Exists(LockPath()));
}

TEST_F(SocketFileTest, IsNoneIfThereIsNoneToTakeOver) {
  EXPECT_TRUE(SocketFile::TakeOver(socket_.get()).ok()) << "not bound";
  BindAsOtherSoftware(socket_);
  ASSERT_EQ(unlink(Path().c_str()), 0);
  std::ofstream(Path()) << "precious";
  EXPECT_TRUE(SocketFile::TakeOver(socket_.get()).ok());
  EXPECT_TRUE(Exists(Path()));
}

}  // namespace
}  // namespace fdrpc::testing
