// Processes that agree on rings and then do what they like with the memory,
// while others use the same server or client.

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/raw_peer.h"
#include "tests/support/sanitized.h"
#include "tests/support/spawner.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// As docs/protocol.md has them.
constexpr uint8_t kWantRings = 12, kRegion = 13, kToRing = 14, kDoorbell = 16,
                  kNoRings = 17;
constexpr uint64_t kRingsFeature = 1;
constexpr uint32_t kRing = 16u << 10;
constexpr size_t kHead = 4096;

constexpr int kProcesses = kSanitized ? 8 : 40;
constexpr std::chrono::milliseconds kHostileTime{30};

RawFrame Bare(uint8_t type, uint32_t argument = 0, uint16_t descriptors = 0) {
  return {.type = type, .descriptors = descriptors, .argument = argument};
}

// A region, and somebody who writes to it at random.
class HostileRegion {
 public:
  HostileRegion(int file, size_t bytes, size_t own, size_t own_ring,
                unsigned seed)
      : bytes_(bytes), own_(own), own_ring_(own_ring), random_(seed) {
    void* const at =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) _exit(3);
    data_ = static_cast<char*>(at);
  }

  void AllocatePages() { std::memset(data_, 0, bytes_); }
  // Publishes something; then anything is rewritten. The frames that it
  // publishes are mostly good ones.
  void Rewrite(const std::string& frame) {
    switch (random_() % 8) {
      case 0:
        Store(random_() % (bytes_ / 4) * 4, static_cast<uint32_t>(random_()));
        break;
      case 1: {
        constexpr size_t kWords[] = {0, 128, 256, 384, 388};
        Store(own_ + kWords[random_() % 5], static_cast<uint32_t>(random_()) %
                                                (random_() % 2 == 0 ? 8 : -1u));
        break;
      }
      case 2:
        Store(own_ + 256, ++sleep_);
        break;
      default:
        Publish(frame);
    }
  }
  unsigned Random() { return static_cast<unsigned>(random_()); }

 private:
  void Store(size_t offset, uint32_t value) {
    std::atomic_ref(*reinterpret_cast<uint32_t*>(data_ + offset)).store(value);
  }
  void Publish(const std::string& frame) {
    for (const char byte : frame) {
      data_[own_ + kHead + written_++ % own_ring_] = byte;
    }
    Store(own_, written_);
  }

  char* data_;
  const size_t bytes_;
  const size_t own_;
  const size_t own_ring_;
  std::minstd_rand random_;
  uint32_t written_ = 0;
  uint32_t sleep_ = 0;
};

bool WithinTime(std::chrono::steady_clock::time_point since) {
  return std::chrono::steady_clock::now() - since < kHostileTime;
}

class HostileRingsTest : public ::testing::TestWithParam<const char*> {
 protected:
  HostileRingsTest()
      : seed_(*new (mmap(nullptr, sizeof(std::atomic<unsigned>),
                         PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                         0)) std::atomic<unsigned>(0)) {}
  ~HostileRingsTest() override { munmap(&seed_, sizeof(seed_)); }

  // In a process of its own.
  int BeHostileClient() const {
    RawPeer peer = RawPeer::Connect(dir_.file("socket"), GetParam());
    const std::string name = "fdrpc.testing.TestService/Echo";
    if (!peer.Send(RawHello{.features = kRingsFeature}.Bytes() +
                   MethodFrame(1, name).Bytes() + OpenFrame(1, 1, "").Bytes() +
                   Bare(kWantRings, kRing).Bytes())) {
      return 1;
    }
    std::optional<ReadFrame> region = peer.ReadType(kRegion);
    if (!region.has_value() || region->descriptors.size() != 1) return 2;
    const int file = region->descriptors[0].get();
    const size_t bytes = 2 * kHead + kRing + region->frame.argument;
    HostileRegion hostile(file, bytes, 0, kRing, seed_);
    // Some allocate no pages, take them away, or keep them changeable.
    const unsigned kind = seed_ % 8;
    if (kind != 0) hostile.AllocatePages();
    if (kind == 1) {
      fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                static_cast<off_t>(bytes));
    }
    if (kind != 2) fcntl(file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
    peer.Send(Bare(kToRing));
    const auto began = std::chrono::steady_clock::now();
    for (uint32_t call = 2; WithinTime(began);) {
      hostile.Rewrite(OpenFrame(call, 1, std::string(call % 100, 'x')).Bytes());
      if (hostile.Random() % 4 != 0) ++call;
      if (hostile.Random() % 16 == 0) {
        (void)peer.TrySend(Bare(kDoorbell).Bytes());
      }
      if (hostile.Random() % 1024 == 0) {
        (void)peer.TrySend(
            Bare(hostile.Random() % 2 == 0 ? kToRing : kNoRings).Bytes());
      }
    }
    return 0;
  }

  // The same for a server, which serves until it is killed.
  [[noreturn]] void BeHostileServer(UniqueFd ready) const {
    RawListener listener(dir_.file("hostile"), GetParam());
    (void)!write(ready.get(), "x", 1);
    ready.Reset();
    for (unsigned seed = 1;; ++seed) {
      RawPeer peer = listener.Accept();
      peer.Send(RawHello{.features = kRingsFeature}.Bytes());
      const std::optional<ReadFrame> wants = peer.ReadType(kWantRings);
      if (!wants.has_value()) continue;
      const uint32_t clients_ring = wants->frame.argument;
      const size_t bytes = 2 * kHead + kRing + clients_ring;
      const UniqueFd file(memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
      if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) _exit(1);
      if (seed % 8 != 0) {
        fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
      }
      HostileRegion hostile(file.get(), bytes, kHead + clients_ring, kRing,
                            seed);
      peer.Send(Bare(kRegion, kRing, 1), {file.get()});
      const auto began = std::chrono::steady_clock::now();
      bool switched = false;
      for (uint32_t call = 1; WithinTime(began);) {
        // Some take pages away while the client uses them.
        if (seed % 4 == 1) {
          fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                    static_cast<off_t>(bytes));
        }
        if (!switched) {
          switched = peer.TrySend(Bare(kToRing).Bytes()) > 0;
        }
        hostile.Rewrite(ReplyFrame(call % 64 + 1, "").Bytes());
        if (hostile.Random() % 4 != 0) ++call;
        if (hostile.Random() % 16 == 0) {
          (void)peer.TrySend(Bare(kDoorbell).Bytes());
        }
      }
    }
  }

  TempDir dir_;
  std::atomic<unsigned>& seed_;
};

INSTANTIATE_TEST_SUITE_P(Over, HostileRingsTest, kAllSchemes, SchemeName);

TEST_P(HostileRingsTest, AClientThatRewritesTheMemoryHarmsOnlyItself) {
  Spawner clients([this](UniqueFd ready) {
    (void)!write(ready.get(), "x", 1);
    ready.Reset();
    return BeHostileClient();
  });
  const ExpectSameDescriptors census;
  FakeService service;
  Server server({.rings = Rings::kAtOnce});
  server.AddService(service);
  ASSERT_TRUE(server.Listen(dir_.address("socket", GetParam())).ok());
  ASSERT_TRUE(server.Start().ok());
  {
    const Channel good = *Channel::Connect(dir_.address("socket", GetParam()),
                                           {.rings = Rings::kAtOnce});
    TestService::Stub stub(good);
    for (int i = 0; i < kProcesses; ++i) {
      SCOPED_TRACE(i);
      ++seed_;
      ASSERT_GT(clients.Start(), 0);
      const auto began = std::chrono::steady_clock::now();
      while (WithinTime(began)) {
        const absl::StatusOr<Text> reply = stub.Echo(TextOf("x", i));
        ASSERT_TRUE(reply.ok()) << reply.status();
        ASSERT_EQ(reply->number(), i);
      }
      EXPECT_EQ(clients.AwaitEnd(), 0);
      while (server.statistics().ring_connections > 1) {
        std::this_thread::yield();
      }
    }
    EXPECT_TRUE(good.uses_rings());
  }
  server.Shutdown();
  server.Wait();
}

TEST_P(HostileRingsTest, AServerThatRewritesTheMemoryHarmsOnlyItsCalls) {
  Spawner servers(
      [this](UniqueFd ready) -> int { BeHostileServer(std::move(ready)); });
  const ExpectSameDescriptors census;
  const pid_t hostile = servers.Start();
  ASSERT_GT(hostile, 0);
  {
    const Channel channel = *Channel::Connect(
        dir_.address("hostile", GetParam()), {.rings = Rings::kAtOnce});
    TestService::Stub stub(channel);
    int failed = 0;
    const auto began = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - began <
           kProcesses * kHostileTime) {
      // Whatever it returns, it returns.
      if (!stub.Echo(TextOf("x"), {.timeout = absl::Milliseconds(20)}).ok()) {
        ++failed;
      }
    }
    EXPECT_GT(failed, 0);
  }
  kill(hostile, SIGKILL);
  EXPECT_EQ(servers.AwaitEnd(), -SIGKILL);
}

}  // namespace
}  // namespace fdrpc::testing
