// fork(2) in a process with servers: what they are in the child.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <memory>
#include <thread>

#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/integration/fork_fixture.h"
#include "tests/support/child.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

TEST_P(ForkTest, AServerThatHasOpenedNothingServesInAChild) {
  server_ = std::make_unique<Server>();
  server_->AddService(service_);
  auto [ready, is_ready] = Pipe();
  const pid_t child = Fork();
  if (child == 0) {
    alarm(kLongSeconds);
    if (!server_->Listen(dir_.address("socket", GetParam())).ok()) _exit(1);
    is_ready.Reset();
    server_->Run();
    server_.reset();
    _exit(0);
  }
  is_ready.Reset();
  EXPECT_EQ(ReadRest(ready.get()), "");
  EXPECT_TRUE(NewStub().Echo(Text()).ok());
  kill(child, SIGTERM);
  EXPECT_EQ(ExitCode(child), 0);
  // Here, too.
  Serve(service_);
  EXPECT_TRUE(stub_->Echo(Text()).ok());
}

TEST_P(ForkTest, AServerThatListensSaysInAChildThatItDoesNot) {
  server_ = std::make_unique<Server>();
  server_->AddService(service_);
  ASSERT_TRUE(server_->Listen(dir_.address("socket", GetParam())).ok());
  ExpectInChild([&] {
    if (!Inherited(server_->Listen(dir_.address("other")))) return 1;
    if (!Inherited(server_->Listen(UniqueFd()))) return 2;
    if (!Inherited(server_->ServeConnection(UniqueFd()))) return 3;
    if (!Inherited(server_->HandOver().status())) return 4;
    if (!Inherited(server_->Start())) return 5;
    if (!Inherited(server_->Start(*Loop::Create()))) return 6;
    return 0;
  });
  EXPECT_DEATH(
      {
        if (Fork() == 0) server_->Run();
        int status = 0;
        wait(&status);
        if (WIFSIGNALED(status)) abort();
      },
      "open it in the child");
  ASSERT_TRUE(server_->Start().ok());
  EXPECT_TRUE(NewStub().Echo(Text()).ok());
}

// A worker process that continues, and whose parent dies.
TEST_P(ForkTest, AChildThatDestroysTheServerHoldsNothingOfIt) {
  auto [told, tell] = Pipe();
  auto [ended, end] = Pipe();
  const pid_t parent = Fork();
  if (parent == 0) {
    Serve(service_);
    if (!stub_->Echo(Text()).ok()) _exit(1);
    if (Fork() == 0) {
      alarm(kLongSeconds);
      LetGo();
      server_.reset();
      (void)!write(tell.get(), "x", 1);
      tell.Reset();
      end.Reset();
      ReadRest(ended.get());
      _exit(0);
    }
    tell.Reset();
    pause();
  }
  tell.Reset();
  char byte;
  ASSERT_EQ(read(told.get(), &byte, 1), 1);
  Connect();
  EXPECT_TRUE(stub_->Echo(Text()).ok()) << "the parent's server goes on";
  std::future<absl::Status> waits = std::async(
      std::launch::async, [&] { return stub_->Watch(Text()).Finish(); });
  kill(parent, SIGKILL);
  EXPECT_EQ(ExitCode(parent), -SIGKILL);
  waits.wait();
  // Nobody answers: nobody listens any more, and nobody holds the lock.
  EXPECT_EQ(stub_->Echo(Text(), {.timeout = absl::Seconds(20)}).status().code(),
            absl::StatusCode::kUnavailable);
  LetGo();
  Serve(service_);
  EXPECT_TRUE(stub_->Echo(Text()).ok());
  end.Reset();
}

TEST_P(ForkTest, AChildTakesTheSignalsAsWithoutTheServer) {
  if (kThreadSanitizer) {
    GTEST_SKIP() << "it calls no handlers of signals in a child that a process "
                    "with threads has forked";
  }
  ExpectInChild([&] {
    server_ = std::make_unique<Server>();
    server_->AddService(service_);
    std::promise<pid_t> forked;
    service_.echo = [&](ServerContext&, const Text&, Text& reply) {
      const pid_t child = fork();
      if (child == 0) {
        alarm(kLongSeconds);
        while (true) pause();
      }
      reply.set_number(child);
      return absl::OkStatus();
    };
    if (!server_->Listen(dir_.address("socket", GetParam())).ok()) return 1;
    std::thread runs([&] { server_->Run(); });
    absl::StatusOr<Text> reply = NewStub().Echo(Text());
    if (!reply.ok()) return 2;
    const auto child = static_cast<pid_t>(reply->number());
    kill(child, SIGTERM);
    if (ExitCode(child) != -SIGTERM) return 3;
    server_->Shutdown();
    runs.join();
    return 0;
  });
}

}  // namespace
}  // namespace fdrpc::testing
