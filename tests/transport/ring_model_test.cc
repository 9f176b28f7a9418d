// Model checking of the ring: the real code of both sides runs against a model
// of memory (ring_model.h), in every order of their steps. So a wake-up that
// can be lost is found, and so is a position that gets ahead of its bytes. That
// the check is sharp is shown by weakening the code: each weakening is found.

#include "tests/transport/ring_model.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "transport/ring_reader.h"
#include "transport/ring_writer.h"

namespace fdrpc::testing::ring_model {
namespace {

std::string_view AsBytes(const uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

struct Found {
  bool stuck = false;
  bool wrong = false;
  size_t ends = 0;
  size_t states = 0;
};

// A writer that publishes so many messages, and a reader that takes them and
// sleeps whenever there is none.
Found CheckSleep(uint64_t messages, uint32_t ring_bytes, Weakened weakened) {
  const Program write = [=](Cpu& cpu) {
    ModelWriter writer(ModelWords(cpu, 0), ModelWords(cpu, 1), ring_bytes);
    for (uint64_t i = 1; i <= messages; ++i) {
      while (!writer.HasRoom(sizeof(i))) {
        cpu.Await({1, ring_layout::kTaken},
                  (i - 1) * sizeof(i) - writer.unread());
      }
      writer.Append(AsBytes(i));
      if (writer.Publish() == ModelWriter::Reader::kAsleep) cpu.Wake();
    }
  };
  const std::function<bool(Cpu&)> read = [=](Cpu& cpu) {
    ModelReader reader(ModelWords(cpu, 1), ModelWords(cpu, 0), ring_bytes);
    bool right = true;
    for (uint64_t i = 1; i <= messages;) {
      if (reader.Look()) {
        while (reader.available() > 0) {
          uint64_t message = 0;
          reader.Take({reinterpret_cast<char*>(&message), sizeof(message)});
          right = right && message == i;
          ++i;
        }
      } else if (reader.PrepareToSleep()) {
        cpu.Sleep();
        reader.Wake();
      }
    }
    return right;
  };
  Found found;
  Machine machine(
      write, [&](Cpu& cpu) { (void)read(cpu); }, weakened);
  found.stuck = machine.Run([&](const State& end) {
    ++found.ends;
    if (weakened != Weakened::kNoSecondLook) {
      found.wrong = found.wrong || !ResultOf(read, end, 1);
    }
  });
  found.states = machine.states();
  return found;
}

TEST(RingModelTest, NoWakeUpIsLostAndNoByteIsReadTooEarly) {
  for (const uint64_t messages : {1u, 2u, 3u}) {
    const Found found = CheckSleep(messages, 64, Weakened::kNot);
    EXPECT_FALSE(found.stuck) << messages;
    EXPECT_FALSE(found.wrong) << messages;
    EXPECT_GT(found.ends, 0u);
    RecordProperty("states", static_cast<int>(found.states));
  }
}

TEST(RingModelTest, NoByteIsOverwrittenBeforeItIsTaken) {
  const Found found = CheckSleep(3, 16, Weakened::kNot);
  EXPECT_FALSE(found.stuck);
  EXPECT_FALSE(found.wrong);
  EXPECT_GT(found.ends, 0u);
}

TEST(RingModelTest, WithoutTheFenceAWakeUpIsLost) {
  EXPECT_TRUE(CheckSleep(1, 64, Weakened::kNoFence).stuck);
}

TEST(RingModelTest, WithoutTheSecondLookAWakeUpIsLost) {
  EXPECT_TRUE(CheckSleep(1, 64, Weakened::kNoSecondLook).stuck);
}

// The writer publishes until it sees that the reader ends, and the reader ends
// after it has taken some or none.
Found CheckEnd(int messages, int takes, Weakened weakened) {
  // How many were taken, as far as the writer knows.
  const std::function<uint64_t(Cpu&)> write = [=](Cpu& cpu) {
    ModelWriter writer(ModelWords(cpu, 0), ModelWords(cpu, 1), 64);
    uint64_t sent = 0;
    for (int i = 0; i < messages && !writer.ending(); ++i) {
      writer.Append(AsBytes(++sent));
      switch (writer.Publish()) {
        case ModelWriter::Reader::kAsleep:
          cpu.Wake();
          break;
        case ModelWriter::Reader::kAwake:
          break;
        case ModelWriter::Reader::kEnding: {
          std::optional<bool> taken = writer.Taken();
          if (!taken.has_value()) {
            cpu.Await({1, ring_layout::kEnd},
                      static_cast<uint64_t>(ring_layout::End::kEnding));
            taken = writer.Taken();
          }
          return taken.value_or(true) ? sent : sent - 1;
        }
      }
    }
    return sent;
  };
  const std::function<uint64_t(Cpu&)> read = [=](Cpu& cpu) {
    ModelReader reader(ModelWords(cpu, 1), ModelWords(cpu, 0), 64);
    uint64_t taken = 0;
    std::vector<char> to(64);
    for (int i = 0; i < takes; ++i) {
      reader.Look();
      taken += reader.Take(absl::MakeSpan(to));
    }
    reader.End();
    while (reader.available() > 0) taken += reader.Take(absl::MakeSpan(to));
    return taken / sizeof(uint64_t);
  };
  Found found;
  Machine machine([&](Cpu& cpu) { (void)write(cpu); },
                  [&](Cpu& cpu) { (void)read(cpu); }, weakened);
  found.stuck = machine.Run([&](const State& end) {
    ++found.ends;
    found.wrong =
        found.wrong || ResultOf(write, end, 0) != ResultOf(read, end, 1);
  });
  found.states = machine.states();
  return found;
}

TEST(RingModelTest, BothSidesAgreeOnWhatIsTakenAtTheEnd) {
  for (const int messages : {1, 2, 3}) {
    for (const int takes : {0, 1, 2}) {
      const Found found = CheckEnd(messages, takes, Weakened::kNot);
      EXPECT_FALSE(found.stuck);
      EXPECT_FALSE(found.wrong) << messages << " " << takes;
      EXPECT_GT(found.ends, 0u);
    }
  }
}

TEST(RingModelTest, WithoutFencesOrReleasesTheyDoNot) {
  EXPECT_TRUE(CheckEnd(2, 0, Weakened::kNoFence).wrong);
  EXPECT_TRUE(CheckEnd(2, 0, Weakened::kNoRelease).wrong);
}

}  // namespace
}  // namespace fdrpc::testing::ring_model
