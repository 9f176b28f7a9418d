#include "os/payload_memory.h"

#include <cerrno>
#include <cstring>
#include <set>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

constexpr size_t kSmall = 64u << 10;

std::vector<PayloadBuffer> Blocks(size_t count) {
  std::vector<PayloadBuffer> blocks;
  for (size_t i = 0; i < count; ++i) {
    blocks.push_back(NewPayload(kPayloadBlockBytes, kPayloadBlockBytes));
    std::memset(blocks.back().data(), static_cast<int>(i), kPayloadBlockBytes);
  }
  return blocks;
}

bool IsFilled(const PayloadBuffer& block, size_t i) {
  return block.data()[0] == static_cast<char>(i) &&
         std::memcmp(block.data(), block.data() + 1, kPayloadBlockBytes - 1) ==
             0;
}

TEST(PayloadMemoryTest, GivesAtLeastWhatIsAskedFor) {
  for (const size_t bytes :
       {size_t{0}, size_t{1}, kSmall, kPayloadBlockBytes / 8,
        kPayloadBlockBytes / 4, kPayloadBlockBytes / 4 + 1,
        kPayloadBlockBytes / 2, kPayloadBlockBytes - 1, kPayloadBlockBytes,
        kPayloadBlockBytes + 1, size_t{64} << 20}) {
    const PayloadBuffer buffer = NewPayload(bytes, bytes);
    ASSERT_FALSE(buffer.empty());
    ASSERT_GE(buffer.capacity(), bytes);
    std::memset(buffer.data(), 'x', bytes);
  }
}

TEST(PayloadMemoryTest, BuffersDoNotOverlap) {
  const std::vector<PayloadBuffer> blocks = Blocks(100);
  for (size_t i = 0; i < blocks.size(); ++i)
    EXPECT_TRUE(IsFilled(blocks[i], i));
}

TEST(PayloadMemoryTest, BuffersOfDifferentSizesDoNotOverlap) {
  std::vector<PayloadBuffer> buffers;
  for (size_t i = 0; i < 200; ++i) {
    const size_t bytes = kPayloadBlockBytes >> i % 3;
    buffers.push_back(NewPayload(bytes, bytes));
    EXPECT_EQ(buffers.back().capacity(), bytes);
    std::memset(buffers.back().data(), static_cast<int>(i), bytes);
    if (i % 5 == 4) buffers[i / 2].Reset();
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (buffers[i].empty()) continue;
    const std::string_view content(buffers[i].data(), buffers[i].capacity());
    EXPECT_EQ(content.find_first_not_of(static_cast<char>(i)),
              std::string_view::npos);
  }
}

TEST(PayloadMemoryTest, MemoryOfOneSizeServesForAnother) {
  const auto use = [](size_t bytes) {
    std::vector<PayloadBuffer> buffers;
    for (size_t used = 0; used < 12u << 20; used += bytes) {
      buffers.push_back(NewPayload(bytes, bytes));
    }
  };
  use(kPayloadBlockBytes);
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  use(kPayloadBlockBytes / 4);
  use(kPayloadBlockBytes / 2);
  EXPECT_LE(faults.CountOf("map_memory"), 1u);
}

TEST(PayloadMemoryTest, WhatIsGivenBackIsUsedAgain) {
  std::set<char*> before;
  for (const PayloadBuffer& block : Blocks(24)) before.insert(block.data());
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  for (const PayloadBuffer& block : Blocks(24)) {
    EXPECT_TRUE(before.contains(block.data()));
  }
  EXPECT_EQ(faults.CountOf("map_memory"), 0u);
}

TEST(PayloadMemoryTest, WhatIsKeptIsBounded) {
  // Of 80 MiB that nobody uses, at most 32 are kept.
  const auto use = [] {
    std::vector<PayloadBuffer> blocks;
    for (int i = 0; i < 120; ++i) {
      blocks.push_back(NewPayload(kPayloadBlockBytes, kPayloadBlockBytes));
    }
  };
  use();
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  use();
  EXPECT_GE(faults.CountOf("map_memory"), 120u / 3 - 16);
}

TEST(PayloadMemoryTest, MoreThanTheLeastOnlyIfItIsThereAlready) {
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  std::vector<PayloadBuffer> all;
  while (true) {
    all.push_back(NewPayload(kSmall, kPayloadBlockBytes));
    if (all.back().capacity() == kSmall) break;
    EXPECT_EQ(all.back().capacity(), kPayloadBlockBytes);
  }
  EXPECT_EQ(faults.CountOf("map_memory"), 0u);
  all.clear();
  const std::vector<PayloadBuffer> kept = Blocks(1);
  EXPECT_EQ(NewPayload(kSmall, kPayloadBlockBytes).capacity(),
            kPayloadBlockBytes);
  EXPECT_EQ(NewPayload(kSmall, kSmall + 1).capacity(), kSmall)
      << "too little for a block";
}

TEST(PayloadMemoryTest, WithoutMemoryOfItsOwnItTakesTheHeaps) {
  const std::vector<PayloadBuffer> most = Blocks(60);  // as many as may be kept
  FaultInjection faults([](std::string_view name, auto) {
    return FaultInjection::Fault{.error = name == "map_memory" ? ENOMEM : 0};
  });
  const std::vector<PayloadBuffer> blocks = Blocks(10);
  for (size_t i = 0; i < blocks.size(); ++i)
    EXPECT_TRUE(IsFilled(blocks[i], i));
  EXPECT_GT(faults.CountOf("map_memory"), 0u);
}

TEST(PayloadMemoryTest, MayBeGivenBackByAnotherThread) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 50; ++round) {
        std::vector<PayloadBuffer> blocks = Blocks(7);
        std::thread([blocks = std::move(blocks)] {
          for (size_t j = 0; j < blocks.size(); ++j) {
            EXPECT_TRUE(IsFilled(blocks[j], j));
          }
        }).join();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(PayloadMemoryTest, AChildHasItsOwn) {
  std::vector<PayloadBuffer> inherited = Blocks(4);
  inherited.pop_back();
  EXPECT_EQ(InChild([&] {
              std::set<char*> parents;
              for (const PayloadBuffer& block : inherited) {
                parents.insert(block.data());
              }
              inherited.clear();
              for (const PayloadBuffer& block : Blocks(20)) {
                if (parents.contains(block.data())) return 1;
              }
              return 0;
            }),
            0);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(IsFilled(inherited[i], i));
}

}  // namespace
}  // namespace fdrpc::testing
