#include "services/host/kept_state.h"

#include "gtest/gtest.h"

namespace fdrpc::host {
namespace {

using v1::Event;

TEST(KeptStateTest, CommandsThatNoHostWasSentAreOne) {
  KeptState state;
  const uint64_t reload = state.AddCommand(Event::COMMAND_RELOAD);
  const uint64_t upgrade = state.AddCommand(Event::COMMAND_UPGRADE);
  EXPECT_NE(upgrade, reload);
  EXPECT_EQ(state.AddCommand(Event::COMMAND_RELOAD), reload);
  EXPECT_EQ(state.AddCommand(Event::COMMAND_UPGRADE), upgrade);
  EXPECT_EQ(state.EventAfter(upgrade), nullptr);
}

// It may have read the files before they changed again.
TEST(KeptStateTest, ACommandThatAHostDoesIsFollowedByAnother) {
  KeptState state;
  const uint64_t first = state.AddCommand(Event::COMMAND_RELOAD);
  state.SetSent(first);
  const uint64_t second = state.AddCommand(Event::COMMAND_RELOAD);
  EXPECT_NE(second, first);
  EXPECT_EQ(state.AddCommand(Event::COMMAND_RELOAD), second);
  state.Acknowledge(first);
  EXPECT_FALSE(state.Holds(first));
  EXPECT_TRUE(state.Holds(second));
}

TEST(KeptStateTest, TheNextHostWasSentNothing) {
  KeptState state;
  const uint64_t first = state.AddCommand(Event::COMMAND_RELOAD);
  state.SetSent(first);
  state.SetListener(nullptr);
  EXPECT_EQ(state.AddCommand(Event::COMMAND_RELOAD), first);
}

TEST(KeptStateTest, OtherCommandsAreAllKept) {
  KeptState state;
  EXPECT_NE(state.AddCommand(Event::COMMAND_PING),
            state.AddCommand(Event::COMMAND_PING));
}

}  // namespace
}  // namespace fdrpc::host
