// Compiles and runs the snippets of docs/guide/ about servers that follow
// each other, about their socket files, and about service managers.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "tests/docs/guide_snippets.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/service_manager.h"
#include "tests/support/temp_dir.h"

// Snippets name parameters that they do not use.
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {

#include "predecessor.inc"

absl::Status Succeed(const std::string& address, Server& server) {
  absl::StatusOr<Channel> channel = Channel::Connect(address);
  if (!channel.ok()) return channel.status();
#include "successor.inc"
  return absl::OkStatus();
}

TEST(GuideServersTest, ASuccessorTakesTheListeningSocketOver) {
  ExpectSameDescriptors at_the_end;
  TempDir dir;
  Server first;
  Predecessor of_first(first);
  first.AddService(of_first);
  ASSERT_TRUE(first.Listen(dir.address()).ok());
  ASSERT_TRUE(first.Start().ok());
  Server second;
  Predecessor of_second(second);
  second.AddService(of_second);
  const absl::Status succeeded = Succeed(dir.address(), second);
  ASSERT_TRUE(succeeded.ok()) << succeeded;
  first.Shutdown();
  first.Wait();
  guide::Predecessor::Stub stub(*Channel::Connect(dir.address()));
  EXPECT_TRUE(stub.HandOver(guide::HandOverRequest()).ok());
}

#include "draining.inc"

TEST(GuideServersTest, AHandlerThatReadsEndsWhenTheServerDrains) {
  TempDir dir;
  DrainingJournal journal;
  Server server({.drain_timeout = absl::Hours(1)});
  server.AddService(journal);
  ASSERT_TRUE(server.Listen(dir.address()).ok());
  ASSERT_TRUE(server.Start().ok());
  guide::Journal::Stub stub(*Channel::Connect(dir.address()));
  auto writer = stub.Append();
  ASSERT_TRUE(writer.Write(guide::Entry()));
  server.Shutdown();
  const absl::StatusOr<guide::Summary> summary = writer.Finish();
  EXPECT_TRUE(summary.ok()) << summary.status();
  server.Wait();
}

absl::Status ListenForAGroup(const std::string& address, gid_t group,
                             Server& server) {
#include "listen_options.inc"
  return listens;
}

TEST(GuideServersTest, TheSocketFileHasTheModeThatIsAskedFor) {
  TempDir dir;
  Server server;
  const absl::Status listens =
      ListenForAGroup(dir.address(), getegid(), server);
  ASSERT_TRUE(listens.ok()) << listens;
  struct stat file = {};
  ASSERT_EQ(stat(dir.file("socket").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0660u);
}

absl::Status ServeUnderSystemd() {
#include "systemd.inc"
  return absl::OkStatus();
}

TEST(GuideServersTest, AServiceManagerPassesTheSocketAndIsTold) {
  ExpectSameDescriptors at_the_end;
  TempDir dir;
  const NotifyListener manager(dir.file("notify"));
  const UniqueFd socket = BoundSocket(SOCK_STREAM, dir.file("socket"));
  const pid_t service = Fork();
  if (service == 0) {
    const ScopedVariable address("NOTIFY_SOCKET", dir.file("notify"));
    PassSockets({socket.get()}, "store");
    _exit(ServeUnderSystemd().ok() ? 0 : 1);
  }
  guide::GetRequest request;
  request.add_names("none");
  EXPECT_EQ(guide::Store::Stub(*Channel::Connect(dir.address()))
                .Get(request)
                .status()
                .code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(manager.Read(), "READY=1");
  kill(service, SIGTERM);
  EXPECT_EQ(manager.Read(), "STOPPING=1");
  int status = -1;
  EXPECT_EQ(waitpid(service, &status, 0), service);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace fdrpc::testing
