// Servers that a service manager starts: with sockets that it passes, and with
// notifications.

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/loop.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/running_loop.h"
#include "tests/support/service_manager.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

// A child process to which sockets were passed.
class ActivatedService {
 public:
  // Its exit code is 1 if an expectation of `body` fails.
  ActivatedService(const std::vector<int>& sockets, const std::string& names,
                   const std::function<void()>& body) {
    pid_ = Fork();
    if (pid_ > 0) return;
    PassSockets(sockets, names);
    body();
    _exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  ~ActivatedService() {
    if (pid_ > 0) Stop(SIGKILL);
  }
  // Its exit code, or minus the signal that ended it.
  int Stop(int signal) {
    kill(pid_, signal);
    return Wait();
  }
  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

// Serves until it is told to stop, or all connections have ended.
void ServeOn(const std::vector<std::string>& addresses) {
  FakeService service;
  Server server;
  server.AddService(service);
  for (const std::string& address : addresses) {
    const absl::Status listens = server.Listen(address);
    EXPECT_TRUE(listens.ok()) << listens;
    if (!listens.ok()) return;
  }
  server.Run();
}

// A call that passes a descriptor in both directions.
absl::Status Talk(const absl::StatusOr<Channel>& channel) {
  if (!channel.ok()) return channel.status();
  Parcel<Files> request;
  request.set_first(FileWith("x"));
  return TestService::Stub(*channel).Exchange(std::move(request)).status();
}

void Fails(const absl::Status& status, absl::StatusCode code,
           const std::string& why) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
}

struct SocketType {
  const char* name;
  int type;
  const char* scheme;
};

// For the names of tests, which would otherwise contain the bytes of pointers.
void PrintTo(const SocketType& type, std::ostream* out) { *out << type.name; }

class ActivationTest : public ::testing::TestWithParam<SocketType> {
 protected:
  UniqueFd Socket(const std::string& name) {
    return BoundSocket(GetParam().type, dir_.file(name));
  }
  absl::Status Call(const std::string& name) {
    return Talk(Channel::Connect(GetParam().scheme + dir_.file(name)));
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(
    Types, ActivationTest,
    ::testing::Values(SocketType{"Stream", SOCK_STREAM, "unix:"},
                      SocketType{"Seqpacket", SOCK_SEQPACKET,
                                 "unix-seqpacket:"},
                      SocketType{"Datagram", SOCK_DGRAM, "unix-dgram:"}),
    [](const ::testing::TestParamInfo<SocketType>& parameter) {
      return parameter.param.name;
    });

TEST_P(ActivationTest, AllSocketsAreServedAndTheirFilesLeft) {
  const UniqueFd a = Socket("a");
  const UniqueFd b = Socket("b");
  ActivatedService service({a.get(), b.get()}, "a:b",
                           [] { ServeOn({"systemd:"}); });
  for (const char* name : {"a", "b"}) {
    const absl::Status called = Call(name);
    EXPECT_TRUE(called.ok()) << called;
  }
  EXPECT_EQ(service.Stop(SIGTERM), 0);
  EXPECT_EQ(access(dir_.file("a").c_str(), F_OK), 0);
  EXPECT_EQ(access(dir_.file("b").c_str(), F_OK), 0);
}

TEST_P(ActivationTest, SocketsAreServedByName) {
  const UniqueFd a = Socket("a");
  const UniqueFd b = Socket("b");
  const UniqueFd also_a = Socket("also_a");
  ActivatedService service({a.get(), b.get(), also_a.get()}, "a:b:a", [] {
    FakeService first_service;
    Server first;
    first.AddService(first_service);
    EXPECT_TRUE(first.Listen("systemd:a").ok());
    EXPECT_TRUE(first.Start().ok());
    ServeOn({"systemd:b"});
  });
  for (const char* name : {"a", "b", "also_a"}) {
    const absl::Status called = Call(name);
    EXPECT_TRUE(called.ok()) << called;
  }
  EXPECT_EQ(service.Stop(SIGTERM), 0);
}

TEST_P(ActivationTest, ACallFromBeforeTheServersStartIsServed) {
  const UniqueFd socket = Socket("a");
  ActivatedService service({socket.get()}, "a", [] {
    // A connection or a datagram, for which the manager would wait.
    pollfd wanted = {.fd = 3, .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&wanted, 1, -1), 1);
    ServeOn({"systemd:"});
  });
  const absl::Status called = Call("a");
  EXPECT_TRUE(called.ok()) << called;
  EXPECT_EQ(service.Stop(SIGTERM), 0);
}

TEST_P(ActivationTest, ASuccessorServesTheSameSocket) {
  const UniqueFd socket = Socket("a");
  const auto channel = Channel::Connect(GetParam().scheme + dir_.file("a"));
  for (int i = 0; i < 3; ++i) {
    ActivatedService service({socket.get()}, "a",
                             [] { ServeOn({"systemd:a"}); });
    const absl::Status called = Talk(channel);
    EXPECT_TRUE(called.ok()) << called;
    EXPECT_EQ(service.Stop(SIGTERM), 0);
  }
}

TEST_P(ActivationTest, SocketsAreTakenOnceAndRefusedWithTheirReasons) {
  const UniqueFd socket = Socket("a");
  ActivatedService service({socket.get()}, "a", [] {
    constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
    Server server;
    Fails(server.Listen("systemd:", {.mode = 0600}), kInvalid, "has been made");
    Fails(server.Listen("systemd:b"), kInvalid, "are \"a\"");
    EXPECT_TRUE(server.Listen("systemd:a").ok());
    for (const char* again : {"systemd:", "systemd:a"}) {
      Fails(server.Listen(again), absl::StatusCode::kFailedPrecondition,
            "already in use by this process");
    }
    Fails(Channel::Connect("systemd:a").status(), kInvalid,
          "is for servers only");
  });
  EXPECT_EQ(service.Wait(), 0);
}

// As with Accept=yes.
TEST(PassedConnectionsTest, AreServedUntilTheLastHasEnded) {
  ExpectSameDescriptors at_the_end;
  auto [a, servers_a] = SocketPair();
  auto [b, servers_b] = SocketPair();
  ActivatedService service({servers_a.get(), servers_b.get()},
                           "connection:connection",
                           [] { ServeOn({"systemd:connection"}); });
  for (UniqueFd* socket : {&servers_a, &servers_b}) socket->Reset();
  for (UniqueFd* socket : {&a, &b}) {
    const absl::Status called = Talk(Channel::FromSocket(std::move(*socket)));
    EXPECT_TRUE(called.ok()) << called;
  }
  EXPECT_EQ(service.Wait(), 0);
}

// The environment of this process tells a server where to send notifications.
class NotifyTest : public ::testing::Test {
 protected:
  Server& Listen(ServerOptions options = {}) {
    options.notify_service_manager = true;
    server_.emplace(options);
    server_->AddService(service_);
    EXPECT_TRUE(server_->Listen(dir_.address()).ok());
    return *server_;
  }
  void ExpectNothingFor(int milliseconds) {
    pollfd readable = {.fd = manager_.fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&readable, 1, milliseconds), 0) << manager_.Read();
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  NotifyListener manager_{dir_.file("notify")};
  const ScopedVariable address_{"NOTIFY_SOCKET", dir_.file("notify")};
  FakeService service_;
  std::optional<Server> server_;
};

TEST_F(NotifyTest, AServerOnThreadsSaysWhenItIsReadyAndWhenItStops) {
  Server& server = Listen();
  ExpectNothingFor(0);
  ASSERT_TRUE(server.Start().ok());
  EXPECT_EQ(manager_.Read(), "READY=1");
  server.Shutdown();
  server.Wait();
  EXPECT_EQ(manager_.Read(), "STOPPING=1");
  ExpectNothingFor(0);
}

TEST_F(NotifyTest, AServerThatRunsSaysSo) {
  Server& server = Listen();
  std::thread runs([&] { server.Run(); });
  EXPECT_EQ(manager_.Read(), "READY=1");
  server.Shutdown();
  EXPECT_EQ(manager_.Read(), "STOPPING=1");
  runs.join();
}

TEST_F(NotifyTest, AServerInALoopSaysSo) {
  RunningLoop loop;
  Server& server = Listen();
  ASSERT_TRUE(server.Start(loop.loop()).ok());
  EXPECT_EQ(manager_.Read(), "READY=1");
  server.Shutdown();
  EXPECT_EQ(manager_.Read(), "STOPPING=1");
  server.Wait();
}

TEST_F(NotifyTest, StoppingIsSaidWhenDrainingBegins) {
  Server& server = Listen();
  service_.echo = [&](ServerContext&, const Text&, Text&) {
    EXPECT_EQ(manager_.Read(), "READY=1");
    server.Shutdown(absl::InfiniteDuration());
    EXPECT_EQ(manager_.Read(), "STOPPING=1");
    return absl::OkStatus();
  };
  ASSERT_TRUE(server.Start().ok());
  const absl::Status called =
      TestService::Stub(*Channel::Connect(dir_.address()))
          .Echo(Text())
          .status();
  EXPECT_TRUE(called.ok()) << called;
  server.Wait();
  ExpectNothingFor(0);
}

TEST_F(NotifyTest, AServerThatIsIdleTellsTheWatchdogThatItLives) {
  const ScopedVariable timeout("WATCHDOG_USEC", "20000");
  Server& server = Listen();
  ASSERT_TRUE(server.Start().ok());
  EXPECT_EQ(manager_.Read(), "READY=1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(manager_.Read(), "WATCHDOG=1");
  server.Shutdown();
  EXPECT_EQ(manager_.ReadState(), "STOPPING=1");
  server.Wait();
}

TEST_F(NotifyTest, AServerWhoseLoopIsStuckFallsSilent) {
  const ScopedVariable timeout("WATCHDOG_USEC", "20000");
  absl::StatusOr<Loop> loop = Loop::Create();
  ASSERT_TRUE(loop.ok());
  Server& server = Listen();
  ASSERT_TRUE(server.Start(*loop).ok());
  loop->RunReady();
  EXPECT_EQ(manager_.Read(), "READY=1");
  ExpectNothingFor(100);
  loop->RunReady();
  EXPECT_EQ(manager_.Read(), "WATCHDOG=1");
  server.Shutdown();
  server.Wait();
  EXPECT_EQ(manager_.ReadState(), "STOPPING=1");
}

TEST_F(NotifyTest, AManagerThatCannotBeToldIsAnError) {
  const ScopedVariable elsewhere("NOTIFY_SOCKET", "somewhere");
  Server server({.notify_service_manager = true});
  Fails(server.Listen(dir_.address()), absl::StatusCode::kInvalidArgument,
        "NOTIFY_SOCKET is \"somewhere\"");
}

TEST_F(NotifyTest, NothingIsSaidUnlessAskedFor) {
  server_.emplace();
  server_->AddService(service_);
  ASSERT_TRUE(server_->Listen(dir_.address()).ok());
  ASSERT_TRUE(server_->Start().ok());
  EXPECT_TRUE(Talk(Channel::Connect(dir_.address())).ok());
  server_->Shutdown();
  server_->Wait();
  ExpectNothingFor(0);
}

}  // namespace
}  // namespace fdrpc::testing
