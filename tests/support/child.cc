#include "tests/support/child.h"

#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/sanitized.h"
#include "tests/support/time_limit.h"

namespace fdrpc::testing {
namespace {

// After this the test runs the risk of a thread that never sleeps.
constexpr absl::Duration kLongestWait = absl::Seconds(5);

// A child that has not shown by then that it can allocate is stuck.
constexpr absl::Duration kLongestProof = absl::Seconds(10);
constexpr int kMostForks = 10;

// Whether all threads of this process except the calling one sleep.
bool OtherThreadsSleep() {
  const std::string self = std::to_string(gettid());
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == self) continue;
    std::ifstream file(task.path() / "stat");
    std::string stat;
    std::getline(file, stat);
    // The state follows the name, which is in parentheses; see proc(5).
    const size_t name_end = stat.rfind(") ");
    if (name_end != stat.npos && stat[name_end + 2] != 'S') return false;
  }
  return true;
}

// For a child. GCC 12's thread sanitizer ends a process if a new thread has the
// address of a known one, and the C library reuses the stacks of the parent's
// threads for the child's, if they are large enough.
void LeaveTheParentsStacks() {
  pthread_attr_t attributes;
  size_t bytes = 0;
  if (pthread_getattr_default_np(&attributes) != 0) _exit(EXIT_FAILURE);
  pthread_attr_getstacksize(&attributes, &bytes);
  pthread_attr_setstacksize(&attributes, bytes + (1u << 20));
  if (pthread_setattr_default_np(&attributes) != 0) _exit(EXIT_FAILURE);
  pthread_attr_destroy(&attributes);
}

// Allocates more blocks of every size than a thread of a sanitizer's allocator
// keeps for itself, and starts a thread: takes the locks that another thread of
// the parent may have held at fork(2).
void TakeEveryLockOfTheSanitizer() {
  constexpr size_t kLargest = 1 << 20;
  constexpr size_t kKept = 64 << 10;
  for (size_t bytes = 16; bytes <= kLargest; bytes += bytes / 4) {
    std::vector<std::unique_ptr<char[]>> blocks(kKept / bytes + 2);
    for (std::unique_ptr<char[]>& block : blocks) {
      block.reset(new char[bytes]);
    }
  }
  std::thread([] {}).join();
}

// fork(2), again if the child is stuck: a thread may have woken between the
// last look at it and fork(2).
pid_t ForkWithASanitizer() {
  void* const page =
      mmap(nullptr, sizeof(std::atomic<bool>), PROT_READ | PROT_WRITE,
           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return -1;
  auto& proved = *new (page) std::atomic<bool>(false);
  pid_t child = -1;
  for (int forks = 0; forks < kMostForks; ++forks) {
    const absl::Time enough = absl::Now() + kLongestWait;
    for (int looks = 0; looks < 2 && absl::Now() < enough;) {
      looks = OtherThreadsSleep() ? looks + 1 : 0;
      sched_yield();
    }
    child = fork();
    if (child < 0) break;
    if (child == 0) {
      if (kThreadSanitizer) LeaveTheParentsStacks();
      TakeEveryLockOfTheSanitizer();
      proved.store(true);
      break;
    }
    const absl::Time stuck = absl::Now() + kLongestProof;
    while (!proved.load() && absl::Now() < stuck)
      absl::SleepFor(absl::Milliseconds(1));
    if (proved.load()) break;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    child = -1;
    errno = EDEADLK;
  }
  munmap(page, sizeof(std::atomic<bool>));
  return child;
}

}  // namespace

pid_t Fork() {
  const pid_t child = kSanitized ? ForkWithASanitizer() : fork();
  if (child == 0) alarm(kTimeLimitSeconds);
  return child;
}

pid_t Fork(const std::function<int()>& body) {
  const pid_t child = Fork();
  if (child == 0) _exit(body());
  return child;
}

int ExitCode(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int InChild(const std::function<int()>& body) {
  const pid_t child = Fork(body);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
    ADD_FAILURE() << "the child did not run to its end: " << status;
    return -1;
  }
  return WEXITSTATUS(status);
}

void BecomeUnprivileged() {
  if (geteuid() != 0) return;
  // Above all users of the system, and below the kernel's 2^32 - 1.
  const uid_t own = 1'000'000 + static_cast<uid_t>(getpid());
  if (setgroups(0, nullptr) != 0 || setresgid(own, own, own) != 0 ||
      setresuid(own, own, own) != 0) {
    _exit(EXIT_FAILURE);
  }
}

}  // namespace fdrpc::testing
