// All sequences of steps of a call, with its two sides connected to each other.

#include "tests/call/call_pair.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "gtest/gtest.h"

namespace fdrpc::testing {
namespace {

using Steps = std::vector<CallPair::Step>;

std::unique_ptr<CallPair> Replay(CallPair::Kind kind, int most_messages,
                                 const Steps& steps) {
  auto pair = std::make_unique<CallPair>(kind, most_messages);
  for (const CallPair::Step step : steps) pair->Do(step);
  return pair;
}

std::string Describe(const Steps& steps) {
  std::string text = "steps:";
  for (const CallPair::Step step : steps) {
    absl::StrAppend(&text, " ", static_cast<int>(step));
  }
  return text;
}

// Tries every sequence of steps up to that length, except after a state that a
// shorter or earlier sequence has reached: the rest would be the same. Lets
// each state reach its end. Returns the number of states.
size_t GoThroughAll(CallPair::Kind kind, int most_messages, size_t depth) {
  absl::flat_hash_set<std::string> seen;
  std::vector<Steps> level = {{}};
  for (size_t length = 0; length < depth && !level.empty(); ++length) {
    std::vector<Steps> next_level;
    for (const Steps& steps : level) {
      for (int i = 0; i < CallPair::kSteps; ++i) {
        Steps longer = steps;
        longer.push_back(static_cast<CallPair::Step>(i));
        const auto pair = Replay(kind, most_messages, longer);
        if (::testing::Test::HasFailure()) {
          ADD_FAILURE() << Describe(longer);
          return seen.size();
        }
        if (!seen.insert(pair->Digest()).second) continue;
        pair->RunOut();
        if (::testing::Test::HasFailure()) {
          ADD_FAILURE() << "running out after " << Describe(longer);
          return seen.size();
        }
        next_level.push_back(std::move(longer));
      }
    }
    level = std::move(next_level);
  }
  return seen.size();
}

TEST(CallPairTest, EveryWayOfAUnaryCallHoldsAndEnds) {
  EXPECT_GT(GoThroughAll({.requests = false, .replies = false}, 1, 30), 100u);
}

TEST(CallPairTest, EveryWayOfAStreamOfRequestsHoldsAndEnds) {
  EXPECT_GT(GoThroughAll({.requests = true, .replies = false}, 2, 9), 1000u);
}

TEST(CallPairTest, EveryWayOfAStreamOfRepliesHoldsAndEnds) {
  EXPECT_GT(GoThroughAll({.requests = false, .replies = true}, 2, 9), 1000u);
}

TEST(CallPairTest, EveryWayOfTwoStreamsHoldsAndEnds) {
  EXPECT_GT(GoThroughAll({.requests = true, .replies = true}, 2, 7), 1000u);
}

}  // namespace
}  // namespace fdrpc::testing
