#include "os/fork_generation.h"

#include <pthread.h>

#include <atomic>

namespace fdrpc {
namespace {

std::atomic<uint32_t> generation{0};

}  // namespace

uint32_t ForkGeneration() {
  [[maybe_unused]] static const int registered = pthread_atfork(
      nullptr, nullptr,
      [] { generation.fetch_add(1, std::memory_order_relaxed); });
  return generation.load(std::memory_order_relaxed);
}

}  // namespace fdrpc
