// The loop of code that names none. It lives as long as its process, so each
// test has a process of its own.

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "loop/loop_core.h"
#include "tests/loop/recording.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

// What a child returns; nobody sees assertions in it.
constexpr int kAsExpected = 0;
constexpr int kOtherwise = 1;

// Ends a child that hangs. For children that test fork(2).
constexpr unsigned kLongSeconds = 30;

std::shared_ptr<LoopCore> DefaultLoop() {
  absl::StatusOr<std::shared_ptr<LoopCore>> loop = LoopCore::Default();
  return loop.ok() ? *std::move(loop) : nullptr;
}

// Whether the loop has a thread other than this one that runs functions.
bool RunsFunctions(LoopCore& loop) {
  std::promise<std::thread::id> ran_on;
  loop.Post([&] { ran_on.set_value(std::this_thread::get_id()); });
  return ran_on.get_future().get() != std::this_thread::get_id();
}

sigset_t BlockedSignals() {
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  return blocked;
}

TEST(DefaultLoopTest, IsOneOfTheProcessWithAThread) {
  EXPECT_EQ(InChild([] {
              const std::shared_ptr<LoopCore> loop = DefaultLoop();
              if (loop == nullptr || DefaultLoop() != loop) return kOtherwise;
              return RunsFunctions(*loop) ? kAsExpected : kOtherwise;
            }),
            kAsExpected);
}

TEST(DefaultLoopTest, IsOneForManyThreadsThatAskAtOnce) {
  EXPECT_EQ(InChild([] {
              constexpr int kThreads = 8;
              std::shared_ptr<LoopCore> loops[kThreads];
              std::vector<std::jthread> threads;
              for (auto& loop : loops) {
                threads.emplace_back([&] { loop = DefaultLoop(); });
              }
              threads.clear();
              for (const auto& loop : loops) {
                if (loop == nullptr || loop != loops[0]) return kOtherwise;
              }
              return RunsFunctions(*loops[0]) ? kAsExpected : kOtherwise;
            }),
            kAsExpected);
}

// The signals that thread `tid` of this process blocks, according to /proc.
uint64_t BlockedByThread(pid_t tid) {
  std::ifstream status("/proc/self/task/" + std::to_string(tid) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("SigBlk:")) {
      return std::stoull(line.substr(7), nullptr, 16);
    }
  }
  return 0;
}

// Programs that users' code starts inherit the program's mask, not the
// thread's.
TEST(DefaultLoopTest, TakesSignalsOnlyWithinTheProgramsCode) {
  EXPECT_EQ(InChild([] {
              alarm(kLongSeconds);
              sigset_t some;
              sigemptyset(&some);
              sigaddset(&some, SIGUSR2);
              pthread_sigmask(SIG_BLOCK, &some, nullptr);
              const std::shared_ptr<LoopCore> loop = DefaultLoop();
              if (loop == nullptr) return kOtherwise;
              std::promise<sigset_t> blocked;
              std::atomic<pid_t> tid = 0;
              loop->Post([&] {
                tid = gettid();
                blocked.set_value(BlockedSignals());
              });
              const sigset_t theirs = blocked.get_future().get();
              for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD,
                                       SIGUSR1, SIGUSR2, SIGALRM, SIGRTMIN}) {
                if (sigismember(&theirs, signal) != (signal == SIGUSR2)) {
                  return kOtherwise;
                }
              }
              // Soon, when it waits, it uses no CPU.
              const uint64_t most =
                  (1u << (SIGTERM - 1)) | (1u << (SIGINT - 1)) |
                  (1u << (SIGCHLD - 1)) | (1u << (SIGUSR1 - 1));
              while ((BlockedByThread(tid) & most) != most)
                std::this_thread::yield();
              return kAsExpected;
            }),
            kAsExpected);
}

TEST(DefaultLoopTest, ProgramsThatACallbackStartsCanBeEnded) {
  EXPECT_EQ(InChild([] {
              const std::shared_ptr<LoopCore> loop = DefaultLoop();
              std::promise<std::string> mask;
              loop->Post([&] {
                FILE* pipe = popen("grep SigBlk /proc/self/status", "r");
                char line[64] = "";
                if (fgets(line, sizeof(line), pipe) == nullptr) line[0] = 0;
                pclose(pipe);
                mask.set_value(line);
              });
              return mask.get_future().get() == "SigBlk:\t0000000000000000\n"
                         ? kAsExpected
                         : kOtherwise;
            }),
            kAsExpected);
}

TEST(DefaultLoopTest, FailsWithoutAThreadAndLeavesNothingBehind) {
  EXPECT_EQ(InChild([] {
              BecomeUnprivileged();
              const DescriptorCensus before = TakeCensus();
              rlimit former;
              getrlimit(RLIMIT_NPROC, &former);
              rlimit none = former;
              none.rlim_cur = 0;
              setrlimit(RLIMIT_NPROC, &none);
              const absl::Status status = LoopCore::Default().status();
              if (status.code() != absl::StatusCode::kResourceExhausted)
                return 2;
              if (TakeCensus() != before) return 3;
              const sigset_t blocked = BlockedSignals();
              if (sigismember(&blocked, SIGTERM) != 0) return 4;
              // The next one that asks may succeed.
              setrlimit(RLIMIT_NPROC, &former);
              const std::shared_ptr<LoopCore> loop = DefaultLoop();
              return loop != nullptr && RunsFunctions(*loop) ? kAsExpected : 5;
            }),
            kAsExpected);
}

TEST(DefaultLoopTest, FailsWithoutDescriptorsUntilThereAreSome) {
  EXPECT_EQ(InChild([] {
              {
                FaultInjection faults([](std::string_view name, size_t) {
                  return FaultInjection::Fault{
                      .error = name == "epoll_create1" ? EMFILE : 0};
                });
                if (DefaultLoop() != nullptr) return kOtherwise;
              }
              const std::shared_ptr<LoopCore> loop = DefaultLoop();
              return loop != nullptr && RunsFunctions(*loop) ? kAsExpected
                                                             : kOtherwise;
            }),
            kAsExpected);
}

// Of the timers that it destroys the child's copy of the loop does not know.
TEST(LoopInAChildTest, LooksAtNoTimers) {
  absl::StatusOr<std::shared_ptr<LoopCore>> loop =
      LoopCore::Create(absl::ZeroDuration());
  ASSERT_TRUE(loop.ok());
  auto timer = std::make_unique<LoopCore::Timer>();
  const MonotonicTime later = Clock::Real().Now() + std::chrono::hours(1);
  (*loop)->SetTimer(*timer, later, {});
  EXPECT_EQ((*loop)->next_deadline(), later);
  EXPECT_EQ(InChild([&] {
              timer.reset();
              return (*loop)->next_deadline() == kNoDeadline ? kAsExpected
                                                             : kOtherwise;
            }),
            kAsExpected);
  EXPECT_EQ((*loop)->next_deadline(), later);
}

TEST(DefaultLoopTest, IsMadeAnewInAChildThatForksWhileItIsMade) {
  EXPECT_EQ(InChild([] {
              bool forked = false;
              int grandchild = -1;
              {
                FaultInjection faults([&](std::string_view name, size_t) {
                  if (name == "epoll_create1" && !forked) {
                    forked = true;
                    grandchild = InChild([] {
                      alarm(kLongSeconds);
                      const std::shared_ptr<LoopCore> loop = DefaultLoop();
                      return loop != nullptr && RunsFunctions(*loop)
                                 ? kAsExpected
                                 : kOtherwise;
                    });
                  }
                  return FaultInjection::Fault{};
                });
                if (DefaultLoop() == nullptr) return 2;
              }
              return forked ? grandchild : 3;
            }),
            kAsExpected);
}

TEST(DefaultLoopTest, IsAnotherOneInAForkedChildAndInItsChild) {
  EXPECT_EQ(InChild([] {
              const std::shared_ptr<LoopCore> parents = DefaultLoop();
              if (parents == nullptr) return 2;
              const int in_child = InChild([&] {
                alarm(kLongSeconds);
                const std::shared_ptr<LoopCore> childs = DefaultLoop();
                if (childs == nullptr || childs == parents) return 3;
                if (!RunsFunctions(*childs)) return 4;
                return InChild([&] {
                  alarm(kLongSeconds);
                  const std::shared_ptr<LoopCore> own = DefaultLoop();
                  if (own == nullptr || own == parents || own == childs) {
                    return 5;
                  }
                  return RunsFunctions(*own) ? kAsExpected : 6;
                });
              });
              if (in_child != kAsExpected) return in_child;
              // The parent's loop continues.
              if (DefaultLoop() != parents) return 7;
              return RunsFunctions(*parents) ? kAsExpected : 8;
            }),
            kAsExpected);
}

}  // namespace
}  // namespace fdrpc::testing
