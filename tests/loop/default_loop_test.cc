// The loop of those who name none. It lives as long as its process, so that
// each test has a process of its own.

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/config.h"
#include "gtest/gtest.h"
#include "loop/loop_core.h"
#include "tests/loop/recording.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

// What a child returns; assertions in it reach nobody.
constexpr int kAsExpected = 0;
constexpr int kOtherwise = 1;

// For children whose fork(2) is what is tested: the end of one that hangs.
constexpr unsigned kLongSeconds = 30;

std::shared_ptr<LoopCore> DefaultLoop() {
  absl::StatusOr<std::shared_ptr<LoopCore>> loop = LoopCore::Default();
  return loop.ok() ? *std::move(loop) : nullptr;
}

// Whether the loop has a thread that runs functions, another one than this.
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

TEST(DefaultLoopTest, LeavesAllSignalsToTheProgramsThreads) {
  EXPECT_EQ(InChild([] {
              const std::shared_ptr<LoopCore> loop = DefaultLoop();
              if (loop == nullptr) return kOtherwise;
              std::promise<sigset_t> blocked;
              loop->Post([&] { blocked.set_value(BlockedSignals()); });
              const sigset_t theirs = blocked.get_future().get();
              const sigset_t ours = BlockedSignals();
              for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD,
                                       SIGUSR1, SIGALRM, SIGRTMIN}) {
                if (sigismember(&theirs, signal) != 1) return kOtherwise;
                if (sigismember(&ours, signal) != 0) return kOtherwise;
              }
              return kAsExpected;
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
              // The next one who asks may be luckier.
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

// The thread sanitizer starts no threads in the child of a process that had
// several.
#ifndef ABSL_HAVE_THREAD_SANITIZER

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
              // The parent's goes on.
              if (DefaultLoop() != parents) return 7;
              return RunsFunctions(*parents) ? kAsExpected : 8;
            }),
            kAsExpected);
}

#endif

}  // namespace
}  // namespace fdrpc::testing
