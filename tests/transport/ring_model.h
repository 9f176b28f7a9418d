#ifndef FDRPC_TESTS_TRANSPORT_RING_MODEL_H_
#define FDRPC_TESTS_TRANSPORT_RING_MODEL_H_

#include <algorithm>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "transport/ring_reader.h"
#include "transport/ring_writer.h"

// A machine that runs two programs in every order of their steps, with a memory
// that is weaker than that of the processors: each side's stores wait in a
// buffer, and leave it in any order that their memory orders allow.
namespace fdrpc::testing::ring_model {

// A region and an offset in it.
using Place = std::pair<int, size_t>;
inline constexpr Place kSocket = {
    2, 0};  // whether the reader's socket is readable

// How the code is made worse than it is.
enum class Weakened {
  kNot,
  kNoFence,       // a sequentially consistent store only releases
  kNoRelease,     // a store that releases is relaxed
  kNoSecondLook,  // before it sleeps, the reader does not look once more
};

struct Step {
  enum class Kind {
    kLoad,
    kStore,
    kWake,   // makes the socket readable
    kSleep,  // waits until it is readable, and empties it
    kAwait,  // waits until `place` has another value than `value`
    kDone,
  };
  Kind kind;
  Place place;
  uint64_t value = 0;
  std::memory_order order = std::memory_order_relaxed;
};

// What a program does next, once it has done what is in its log. A program is
// run again from its beginning for each step, which needs no thread.
struct NextStep {
  Step step;
};

// The processor of one program: gives it the values in its log, and then stops
// it at its next step.
class Cpu {
 public:
  Cpu(const std::vector<uint64_t>& log, Weakened weakened)
      : log_(log), weakened_(weakened) {}

  uint64_t Do(const Step& step) {
    if (done_ == log_.size()) throw NextStep{step};
    return log_[done_++];
  }
  uint64_t Load(Place place, std::memory_order order) {
    if (weakened_ == Weakened::kNoSecondLook &&
        order == std::memory_order_seq_cst &&
        place.second == ring_layout::kWritten) {
      return last_written_;
    }
    const uint64_t value =
        Do({.kind = Step::Kind::kLoad, .place = place, .order = order});
    if (place.second == ring_layout::kWritten) last_written_ = value;
    return value;
  }
  void Store(Place place, uint64_t value, std::memory_order order) {
    if (weakened_ == Weakened::kNoFence && order == std::memory_order_seq_cst) {
      order = std::memory_order_release;
    }
    if (weakened_ == Weakened::kNoRelease &&
        order == std::memory_order_release) {
      order = std::memory_order_relaxed;
    }
    Do({.kind = Step::Kind::kStore,
        .place = place,
        .value = value,
        .order = order});
  }
  void Wake() { Do({.kind = Step::Kind::kWake, .place = kSocket}); }
  void Sleep() { Do({.kind = Step::Kind::kSleep, .place = kSocket}); }
  void Await(Place place, uint64_t other_than) {
    Do({.kind = Step::Kind::kAwait, .place = place, .value = other_than});
  }

 private:
  const std::vector<uint64_t>& log_;
  const Weakened weakened_;
  size_t done_ = 0;
  uint64_t last_written_ = 0;
};

// As RegionWords, of the region with that number.
class ModelWords {
 public:
  ModelWords(Cpu& cpu, int region) : cpu_(&cpu), region_(region) {}
  uint32_t Load(size_t offset, std::memory_order order) const {
    return static_cast<uint32_t>(cpu_->Load({region_, offset}, order));
  }
  void Store(size_t offset, uint32_t value, std::memory_order order) const {
    cpu_->Store({region_, offset}, value, order);
  }
  uint64_t LoadBytes(size_t offset) const {
    return cpu_->Load({region_, offset}, std::memory_order_relaxed);
  }
  void StoreBytes(size_t offset, uint64_t value) const {
    cpu_->Store({region_, offset}, value, std::memory_order_relaxed);
  }

 private:
  Cpu* cpu_;
  int region_;
};

using ModelWriter = BasicRingWriter<ModelWords, ModelWords>;
using ModelReader = BasicRingReader<ModelWords, ModelWords>;
using Program = std::function<void(Cpu&)>;

// The state of the machine: what each program has read decides what it does
// next.
struct State {
  struct Buffered {
    Place place;
    uint64_t value;
    std::memory_order order;
    auto operator<=>(const Buffered&) const = default;
  };
  struct Side {
    std::vector<uint64_t> log;
    std::vector<Buffered> buffer;
    auto operator<=>(const Side&) const = default;
  };
  Side sides[2];
  std::vector<std::pair<Place, uint64_t>> memory;  // what is not 0, in order
  auto operator<=>(const State&) const = default;

  uint64_t Get(Place place) const {
    const auto at = std::lower_bound(memory.begin(), memory.end(),
                                     std::pair(place, uint64_t{0}));
    return at != memory.end() && at->first == place ? at->second : 0;
  }
  void Set(Place place, uint64_t value) {
    auto at = std::lower_bound(memory.begin(), memory.end(),
                               std::pair(place, uint64_t{0}));
    if (at != memory.end() && at->first == place) {
      at->second = value;
    } else {
      memory.insert(at, {place, value});
    }
  }
};

class Machine {
 public:
  Machine(Program first, Program second, Weakened weakened)
      : programs_{std::move(first), std::move(second)}, weakened_(weakened) {}

  // Tries every order of steps. `at_end` is told the last state of each, in
  // which both programs are done. Returns whether one of them got stuck.
  bool Run(const std::function<void(const State&)>& at_end) {
    std::set<State> seen;
    std::vector<State> left;
    left.emplace_back();
    bool stuck = false;
    while (!left.empty()) {
      const State state = std::move(left.back());
      left.pop_back();
      if (!seen.insert(state).second) continue;
      const size_t before = left.size();
      bool done = true;
      for (int side = 0; side < 2; ++side) {
        Commits(state, side, left);
        const Step next = NextOf(state, side);
        if (next.kind != Step::Kind::kDone) {
          done = false;
          Take(state, side, next, left);
        }
      }
      if (left.size() > before) continue;
      if (done) {
        at_end(state);
      } else {
        stuck = true;
      }
    }
    states_ = seen.size();
    return stuck;
  }
  size_t states() const { return states_; }

 private:
  Step NextOf(const State& state, int side) const {
    Cpu cpu(state.sides[side].log, weakened_);
    try {
      programs_[side](cpu);
    } catch (const NextStep& next) {
      return next.step;
    }
    return {.kind = Step::Kind::kDone, .place = {}};
  }

  // Each store that may leave the buffer now: not before an earlier one to the
  // same place, and, if it releases, not before any earlier one.
  static void Commits(const State& state, int side, std::vector<State>& left) {
    const auto& buffer = state.sides[side].buffer;
    for (size_t i = 0; i < buffer.size(); ++i) {
      const bool waits =
          std::any_of(buffer.begin(), buffer.begin() + static_cast<long>(i),
                      [&](const State::Buffered& earlier) {
                        return buffer[i].order != std::memory_order_relaxed ||
                               earlier.place == buffer[i].place;
                      });
      if (waits) continue;
      State& next = left.emplace_back(state);
      next.Set(buffer[i].place, buffer[i].value);
      auto& rest = next.sides[side].buffer;
      rest.erase(rest.begin() + static_cast<long>(i));
    }
  }

  static void Take(const State& state, int side, const Step& step,
                   std::vector<State>& left) {
    const auto& buffer = state.sides[side].buffer;
    uint64_t result = 0;
    State next = state;
    switch (step.kind) {
      case Step::Kind::kLoad: {
        // Sequentially consistent operations of one side stay in order.
        if (step.order == std::memory_order_seq_cst &&
            std::any_of(buffer.begin(), buffer.end(),
                        [](const State::Buffered& store) {
                          return store.order == std::memory_order_seq_cst;
                        })) {
          return;
        }
        result = state.Get(step.place);
        for (const State::Buffered& store : buffer) {
          if (store.place == step.place) result = store.value;
        }
        break;
      }
      case Step::Kind::kStore:
        next.sides[side].buffer.push_back({step.place, step.value, step.order});
        break;
      case Step::Kind::kAwait:
        result = state.Get(step.place);
        if (result == step.value) return;
        break;
      // System calls, which are barriers.
      case Step::Kind::kWake:
        if (!buffer.empty()) return;
        next.Set(step.place, 1);
        break;
      case Step::Kind::kSleep:
        if (!buffer.empty() || state.Get(step.place) == 0) return;
        next.Set(step.place, 0);
        break;
      case Step::Kind::kDone:
        return;
    }
    next.sides[side].log.push_back(result);
    left.push_back(std::move(next));
  }

  const Program programs_[2];
  const Weakened weakened_;
  size_t states_ = 0;
};

// What a program has found, when it is run to its end again.
template <typename Result>
Result ResultOf(const std::function<Result(Cpu&)>& program, const State& state,
                int side) {
  Cpu cpu(state.sides[side].log, Weakened::kNot);
  return program(cpu);
}

}  // namespace fdrpc::testing::ring_model

#endif  // FDRPC_TESTS_TRANSPORT_RING_MODEL_H_
