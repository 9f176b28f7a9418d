// Run() and the signals, and a process that ends while a server serves.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "fdrpc/channel.h"
#include "fdrpc/loop.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

bool Ignores(int signal) {
  struct sigaction action = {};
  return sigaction(signal, nullptr, &action) == 0 &&
         action.sa_handler == SIG_IGN;
}

class RunTest : public ::testing::TestWithParam<int> {
 protected:
  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(Signals, RunTest, ::testing::Values(SIGINT, SIGTERM),
                         [](const auto& test) {
                           return std::string(test.param == SIGINT ? "Sigint"
                                                                   : "Sigterm");
                         });

TEST_P(RunTest, LeavesASignalThatIsIgnoredIgnored) {
  const int ignored = GetParam();
  const int other = ignored == SIGINT ? SIGTERM : SIGINT;
  EXPECT_EQ(InChild([&] {
              signal(ignored, SIG_IGN);
              // A shell's background jobs ignore SIGINT.
              signal(other, SIG_DFL);
              FakeService service;
              Server server;
              server.AddService(service);
              if (!server.Listen(dir_.address("socket")).ok()) return 1;
              std::atomic<int> problem{0};
              std::thread client([&] {
                const TestService::Stub stub(
                    *Channel::Connect(dir_.address("socket")));
                // Run() handles signals once it serves.
                if (!stub.Echo(Text()).ok()) problem = 2;
                kill(getpid(), ignored);
                if (!stub.Echo(Text()).ok()) problem = 3;
                if (!Ignores(ignored)) problem = 4;
                kill(getpid(), other);
              });
              server.Run();
              client.join();
              if (!Ignores(ignored)) return 5;
              if (Ignores(other)) return 6;
              return problem.load();
            }),
            0);
}

// Ends the process, like a handler that cannot continue.
class ExitingService final : public TestService::Service {
 public:
  absl::Status Echo(ServerContext&, const Text&, Text&) override {
    std::exit(3);
  }
};

struct WayToServe {
  std::string name;
  std::function<void(Server&)> serve;
};

class ExitTest : public ::testing::TestWithParam<WayToServe> {
 protected:
  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(
    Serving, ExitTest,
    ::testing::Values(WayToServe{"Run", [](Server& server) { server.Run(); }},
                      WayToServe{"Start",
                                 [](Server& server) {
                                   if (server.Start().ok()) server.Wait();
                                 }},
                      WayToServe{"Loop",
                                 [](Server& server) {
                                   static Loop loop = *Loop::Create();
                                   if (server.Start(loop).ok()) loop.Run();
                                 }}),
    [](const auto& test) { return test.param.name; });

TEST_P(ExitTest, AHandlerOfAStaticServerMayCallExit) {
  const pid_t child = Fork([&] {
    static ExitingService service;
    static Server server;
    server.AddService(service);
    if (!server.Listen(dir_.address("socket")).ok()) return 1;
    GetParam().serve(server);
    return 2;
  });
  const TestService::Stub stub(*Channel::Connect(dir_.address("socket")));
  EXPECT_EQ(
      stub.Echo(Text(), {.timeout = absl::Minutes(1), .wait_for_ready = true})
          .status()
          .code(),
      absl::StatusCode::kUnavailable);
  EXPECT_EQ(ExitCode(child), 3);
}

class WaitingService final : public TestService::Service {
 public:
  explicit WaitingService(Server& server) : server_(server) {}
  absl::Status Echo(ServerContext&, const Text&, Text&) override {
    server_.Wait();
    return absl::OkStatus();
  }

 private:
  Server& server_;
};

TEST(ServerWaitDeathTest, WaitInAHandlerIsAProgrammersError) {
  const TempDir dir;
  // All of it in the child: what it inherited would do nothing there.
  EXPECT_DEATH(
      {
        Server server;
        WaitingService service(server);
        server.AddService(service);
        if (!server.Listen(dir.address("socket")).ok()) _exit(1);
        if (!server.Start().ok()) _exit(2);
        (void)TestService::Stub(*Channel::Connect(dir.address("socket")))
            .Echo(Text());
      },
      "on one of its own threads, such as in a handler");
}

}  // namespace
}  // namespace fdrpc::testing
