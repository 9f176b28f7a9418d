// The ring alone: honest threads, impossible values, and a peer that rewrites
// its region while it is read.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "transport/ring_reader.h"
#include "transport/ring_writer.h"

namespace fdrpc::testing {
namespace {

using ReaderIs = RingWriter::Reader;

constexpr uint32_t kRingBytes = 256;

// A region on the heap, so that an access outside it is noticed.
class Region {
 public:
  explicit Region(uint32_t ring_bytes = kRingBytes, uint32_t start = 0)
      : bytes_(ring_layout::PartBytes(ring_bytes)),
        words_(std::make_unique<uint64_t[]>(bytes_ / sizeof(uint64_t))) {
    Set(ring_layout::kWritten, start);
    Set(ring_layout::kTaken, start);
  }

  RegionWords words() const {
    return RegionWords(reinterpret_cast<char*>(words_.get()));
  }
  void Set(size_t offset, uint32_t value) const {
    words().Store(offset, value, std::memory_order_seq_cst);
  }
  uint32_t Get(size_t offset) const {
    return words().Load(offset, std::memory_order_seq_cst);
  }
  size_t bytes() const { return bytes_; }

 private:
  const size_t bytes_;
  const std::unique_ptr<uint64_t[]> words_;
};

// One direction: the sender's region has the ring.
struct Direction {
  explicit Direction(uint32_t ring_bytes = kRingBytes, uint32_t start = 0)
      : sender(ring_bytes, start),
        receiver(ring_bytes, start),
        writer(sender.words(), receiver.words(), ring_bytes, start),
        reader(receiver.words(), sender.words(), ring_bytes, start) {}

  std::string TakeAll(size_t most = SIZE_MAX) {
    std::string taken;
    while (reader.available() > 0 || reader.Look()) {
      std::string some(std::min<size_t>(most, 100), '\0');
      some.resize(reader.Take(absl::MakeSpan(some)));
      taken += some;
    }
    return taken;
  }

  Region sender;
  Region receiver;
  RingWriter writer;
  RingReader reader;
};

TEST(RingTest, BytesComeOutAsTheyWentInWhateverTheirSizes) {
  // Also when the positions, of 32 bits, begin again.
  for (const uint32_t start : {0u, 0xffffff00u}) {
    Direction ring(kRingBytes, start);
    std::minstd_rand random(1);
    std::string sent, received;
    while (sent.size() < 20'000) {
      std::string bytes(random() % 60, '\0');
      for (char& byte : bytes) byte = static_cast<char>(random());
      if (ring.writer.HasRoom(bytes.size())) {
        ring.writer.Append(bytes);
        sent += bytes;
        if (random() % 2 == 0) ring.writer.Publish();
      } else {
        ring.writer.Publish();
      }
      if (random() % 3 == 0) received += ring.TakeAll(random() % 50 + 1);
    }
    ring.writer.Publish();
    received += ring.TakeAll();
    EXPECT_EQ(received, sent);
    EXPECT_TRUE(ring.writer.valid() && ring.reader.valid());
  }
}

TEST(RingTest, NothingIsThereBeforeItIsPublished) {
  Direction ring;
  ring.writer.Append("abc");
  EXPECT_FALSE(ring.reader.Look());
  EXPECT_EQ(ring.writer.Publish(), ReaderIs::kAwake);
  EXPECT_TRUE(ring.reader.Look());
  EXPECT_EQ(ring.TakeAll(), "abc");
}

TEST(RingTest, HoldsItsCapacityAndNoMore) {
  Direction ring;
  EXPECT_TRUE(ring.writer.HasRoom(ring.writer.capacity()));
  EXPECT_FALSE(ring.writer.HasRoom(ring.writer.capacity() + 1));
  for (int i = 0; i < 10; ++i) {
    const std::string full(ring.writer.capacity(), static_cast<char>('a' + i));
    ASSERT_TRUE(ring.writer.HasRoom(full.size()));
    ring.writer.Append(full);
    ring.writer.Publish();
    EXPECT_FALSE(ring.writer.HasRoom(1));
    EXPECT_EQ(ring.TakeAll(), full);
    ASSERT_TRUE(ring.writer.HasRoom(1));
    ring.writer.Append("x");
    ring.writer.Publish();
    EXPECT_EQ(ring.TakeAll(), "x");
    EXPECT_TRUE(ring.writer.HasRoom(ring.writer.capacity()));
  }
}

TEST(RingTest, TheWriterWakesASleepingReaderOnceForEachSleep) {
  Direction ring;
  ASSERT_TRUE(ring.reader.PrepareToSleep());
  ASSERT_TRUE(ring.reader.PrepareToSleep()) << "it still sleeps";
  ring.writer.Append("a");
  EXPECT_EQ(ring.writer.Publish(), ReaderIs::kAsleep);
  ring.writer.Append("b");
  EXPECT_EQ(ring.writer.Publish(), ReaderIs::kAwake) << "it is being woken";
  EXPECT_FALSE(ring.reader.PrepareToSleep());
  EXPECT_FALSE(ring.reader.asleep());
  EXPECT_EQ(ring.TakeAll(), "ab");
  ring.writer.Append("c");
  EXPECT_EQ(ring.writer.Publish(), ReaderIs::kAwake);
  EXPECT_EQ(ring.TakeAll(), "c");
  ASSERT_TRUE(ring.reader.PrepareToSleep());
  ring.writer.Append("d");
  EXPECT_EQ(ring.writer.Publish(), ReaderIs::kAsleep) << "another sleep";
}

TEST(RingTest, TheWriterLearnsWhatIsTakenWhenTheReaderEnds) {
  Direction ring;
  ring.writer.Append("in time");
  ASSERT_EQ(ring.writer.Publish(), ReaderIs::kAwake);
  EXPECT_FALSE(ring.writer.ending());
  ring.reader.End();
  ring.reader.End();
  EXPECT_TRUE(ring.writer.ending());
  EXPECT_EQ(ring.writer.Taken(), true);
  ring.writer.Append("late");
  EXPECT_EQ(ring.writer.Publish(), ReaderIs::kEnding);
  EXPECT_EQ(ring.writer.Taken(), false);
  EXPECT_EQ(ring.TakeAll(), "in time");
}

TEST(RingTest, TheWriterDoesNotKnowWhatAStoppedReaderTakes) {
  Direction ring;
  ring.receiver.Set(ring_layout::kEnd, 1);
  ring.writer.Append("x");
  EXPECT_EQ(ring.writer.Publish(), ReaderIs::kEnding);
  EXPECT_EQ(ring.writer.Taken(), std::nullopt);
  ring.receiver.Set(ring_layout::kEnd, 3);
  EXPECT_EQ(ring.writer.Taken(), true);
  ring.receiver.Set(ring_layout::kEnd, 0xffffffff);
  EXPECT_TRUE(ring.writer.ending());
  EXPECT_EQ(ring.writer.Taken(), std::nullopt);
}

// Distances that are near something, positive and negative.
std::vector<uint32_t> Distances() {
  std::vector<uint32_t> distances;
  for (uint32_t near = 0; near <= 2 * kRingBytes; ++near) {
    distances.push_back(near);
    distances.push_back(0 - near);
  }
  for (int bit = 9; bit < 32; ++bit) {
    for (const uint32_t off : {0u, 1u, ~0u}) {
      distances.push_back((1u << bit) + off);
    }
  }
  return distances;
}

TEST(RingTest, AnImpossiblePositionOfTheWriterEndsTheReading) {
  for (const uint32_t start : {0u, 0xffffff80u}) {
    for (const uint32_t seen : {0u, 1u, 100u, kRingBytes}) {
      for (const uint32_t distance : Distances()) {
        Direction ring(kRingBytes, start);
        ring.sender.Set(ring_layout::kWritten, start + seen);
        ASSERT_EQ(ring.reader.Look(), seen > 0);
        ring.sender.Set(ring_layout::kWritten, start + distance);
        const bool possible = distance >= seen && distance <= kRingBytes;
        ASSERT_EQ(ring.reader.Look(), possible && distance > 0) << distance;
        ASSERT_EQ(ring.reader.valid(), possible) << distance;
        ASSERT_EQ(ring.reader.available(), possible ? distance : 0);
        if (possible) continue;
        ring.sender.Set(ring_layout::kWritten, start + seen);
        ASSERT_FALSE(ring.reader.Look()) << "for good";
        ASSERT_FALSE(ring.reader.PrepareToSleep()) << "nobody would wake it";
      }
    }
  }
}

TEST(RingTest, AnImpossiblePositionOfTheReaderEndsTheWriting) {
  for (const uint32_t start : {0u, 0xffffff80u}) {
    for (const uint32_t seen : {0u, 1u, 100u}) {
      for (const uint32_t distance : Distances()) {
        Direction ring(kRingBytes, start);
        constexpr uint32_t kPublished = 200;
        ring.writer.Append(std::string(kPublished, 'x'));
        ring.writer.Publish();
        ring.writer.Append("not published");
        const size_t free = ring.writer.capacity() - ring.writer.unread();
        ring.receiver.Set(ring_layout::kTaken, start + seen);
        ASSERT_EQ(ring.writer.HasRoom(free + 1), seen > 0);
        ring.receiver.Set(ring_layout::kTaken, start + distance);
        const bool possible = distance >= seen && distance <= kPublished;
        ASSERT_EQ(ring.writer.HasRoom(free + seen + 1),
                  possible && distance > seen);
        ASSERT_EQ(ring.writer.valid(), possible) << distance;
        if (possible) continue;
        ring.receiver.Set(ring_layout::kTaken, start + kPublished);
        ASSERT_FALSE(ring.writer.HasRoom(1)) << "for good";
      }
    }
  }
}

TEST(RingTest, TwoThreadsMoveBytes) {
  constexpr uint32_t kMessages = 100'000;
  Direction ring;
  std::thread sender([&] {
    for (uint32_t i = 0; i < kMessages; ++i) {
      const std::string bytes(i % 23, static_cast<char>(i));
      while (!ring.writer.HasRoom(bytes.size())) std::this_thread::yield();
      ring.writer.Append(bytes);
      if (i % 3 != 0) ring.writer.Publish();
      if (i % 7 == 0) ring.writer.Publish();
    }
    ring.writer.Publish();
  });
  std::array<char, 40> some;
  uint32_t message = 0;
  uint32_t within = 0;
  const auto skip_empty = [&] {
    while (message < kMessages && message % 23 == within) {
      ++message;
      within = 0;
    }
  };
  uint64_t wrong = 0;
  skip_empty();
  while (message < kMessages) {
    if (!ring.reader.Look()) std::this_thread::yield();
    const size_t taken = ring.reader.Take(absl::MakeSpan(some));
    for (size_t i = 0; i < taken; ++i) {
      wrong += some[i] != static_cast<char>(message);
      ++within;
      skip_empty();
    }
  }
  sender.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(ring.writer.valid() && ring.reader.valid());
}

// The owner of a region that writes anything, anywhere in it, at any moment:
// mostly values that are nearly possible.
class Adversary {
 public:
  Adversary(const Region& own, const Region& of_victim, unsigned seed)
      : thread_([this, &own, &of_victim, seed] {
          std::minstd_rand random(seed);
          while (!stop_.load(std::memory_order_relaxed)) {
            Rewrite(own, of_victim, random);
          }
        }) {}
  ~Adversary() {
    stop_ = true;
    thread_.join();
  }

 private:
  static void Rewrite(const Region& own, const Region& of_victim,
                      std::minstd_rand& random) {
    constexpr size_t kWords[] = {ring_layout::kWritten, ring_layout::kTaken,
                                 ring_layout::kSleep, ring_layout::kEnd,
                                 ring_layout::kEndPosition};
    const size_t at = kWords[random() % std::size(kWords)];
    switch (random() % 5) {
      case 0:
        own.Set(at, static_cast<uint32_t>(random() * random()));
        break;
      case 1:
        own.Set(at, own.Get(at) + random() % 64);
        break;
      case 2:
        own.Set(ring_layout::kWritten,
                of_victim.Get(ring_layout::kTaken) + random() % kRingBytes);
        break;
      case 3:
        own.Set(ring_layout::kTaken,
                of_victim.Get(ring_layout::kWritten) - random() % kRingBytes);
        break;
      default:
        own.words().StoreBytes(ring_layout::kRing + random() % 32 * 8,
                               random());
    }
  }

  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST(RingTest, APeerThatRewritesItsRegionHarmsNobodyElse) {
  for (unsigned seed = 1; seed <= 400; ++seed) {
    Region own;
    Region peer;
    Adversary adversary(peer, own, seed);
    RingWriter writer(own.words(), peer.words(), kRingBytes);
    RingReader reader(own.words(), peer.words(), kRingBytes);
    std::minstd_rand random(seed + 1000);
    std::array<char, 64> to;
    for (int i = 0; i < 200; ++i) {
      const size_t bytes = random() % 64;
      if (writer.HasRoom(bytes)) {
        ASSERT_TRUE(writer.valid());
        writer.Append({to.data(), bytes});
        if (writer.Publish() == ReaderIs::kEnding) (void)writer.Taken();
      }
      ASSERT_LE(writer.unread(), writer.capacity());
      reader.Look();
      ASSERT_LE(reader.available(), kRingBytes);
      const size_t there = reader.available();
      const size_t taken =
          reader.Take(absl::MakeSpan(to).subspan(random() % to.size()));
      ASSERT_LE(taken, to.size());
      ASSERT_EQ(reader.available(), there - taken);
      if (i % 8 == 0) (void)reader.PrepareToSleep();
      if (i % 8 == 4) reader.Wake();
      if (i == 190) reader.End();
    }
  }
}

}  // namespace
}  // namespace fdrpc::testing
