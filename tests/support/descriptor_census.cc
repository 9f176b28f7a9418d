#include "tests/support/descriptor_census.h"

#include <dirent.h>
#include <limits.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "gtest/gtest.h"
#include "os/background_close.h"

namespace fdrpc::testing {
namespace {

constinit std::atomic<bool> without_rings{false};

DescriptorCensus ReadFdDirectory(const std::string& path) {
  DescriptorCensus census;
  DIR* dir = opendir(path.c_str());
  if (dir == nullptr) {
    ADD_FAILURE() << "cannot open " << path;
    return census;
  }
  const bool own = path == "/proc/self/fd";
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] == '.') continue;
    const int fd = std::atoi(entry->d_name);
    if (own && fd == dirfd(dir)) continue;
    char target[PATH_MAX];
    const ssize_t length =
        readlink((path + "/" + entry->d_name).c_str(), target, sizeof(target));
    if (length < 0) continue;
    const std::string open_on(target, length);
    // When a thread first allocates memory, the C library opens this to learn
    // the number of processors (get_nprocs(3)).
    if (open_on.starts_with("/sys/devices/system/cpu/")) continue;
    if (without_rings && open_on.starts_with("/memfd:fdrpc-rings")) continue;
    census[fd] = open_on;
  }
  closedir(dir);
  return census;
}

}  // namespace

void LeaveRingsOutOfCensus() { without_rings = true; }

DescriptorCensus TakeCensus() {
  // Some tests hold descriptors on purpose for the whole test.
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (BackgroundClosesPending() != 0 &&
         std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  return ReadFdDirectory("/proc/self/fd");
}

DescriptorCensus TakeCensusOf(int pid) {
  return ReadFdDirectory("/proc/" + std::to_string(pid) + "/fd");
}

DescriptorCensus TakeCensusExpecting(const DescriptorCensus& expected) {
  return TakeCensusOfExpecting(getpid(), expected);
}

DescriptorCensus TakeCensusOfExpecting(int pid,
                                       const DescriptorCensus& expected) {
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (true) {
    DescriptorCensus census =
        pid == getpid() ? TakeCensus() : TakeCensusOf(pid);
    if (census == expected || std::chrono::steady_clock::now() > give_up) {
      return census;
    }
    std::this_thread::yield();
  }
}

ExpectSameDescriptors::~ExpectSameDescriptors() {
  EXPECT_EQ(TakeCensusExpecting(before_), before_)
      << "other descriptors are open than before";
}

}  // namespace fdrpc::testing
