#ifndef FDRPC_TESTS_LOOP_LOOP_SOURCES_FIXTURE_H_
#define FDRPC_TESTS_LOOP_LOOP_SOURCES_FIXTURE_H_

#include <unistd.h>

#include <deque>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "gtest/gtest.h"
#include "loop/loop_core.h"
#include "tests/loop/recording.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {

class LoopSourcesTest : public ::testing::Test {
 protected:
  LoopSourcesTest() {
    loop_ = NewLoopCore();
    std::tie(ours_, theirs_) = SocketPair();
  }
  std::shared_ptr<RecordingSource> NewSource(std::string name) {
    return std::make_shared<RecordingSource>(std::move(name), calls_);
  }
  uint64_t Watch(int fd, const std::shared_ptr<RecordingSource>& source) {
    absl::StatusOr<uint64_t> token =
        loop_->Watch(fd, source, {.edge_triggered = true});
    EXPECT_TRUE(token.ok()) << token.status();
    return *token;
  }
  void WatchRoom(uint64_t token, bool watch) {
    const absl::Status changed = loop_->Change(
        ours_.get(), token, {.writable = watch, .edge_triggered = true});
    EXPECT_TRUE(changed.ok()) << changed;
  }
  // By a timer of its own.
  void WakeAt(MonotonicTime at,
              const std::shared_ptr<RecordingSource>& source) {
    loop_->SetTimer(timers_.emplace_back(), at, source);
  }
  bool Readable() const { return IsReadable(loop_->fd()); }
  void PeerWrites() { ASSERT_EQ(write(theirs_.get(), "x", 1), 1); }

  ExpectSameDescriptors census_;
  Calls calls_;
  std::shared_ptr<LoopCore> loop_;
  std::deque<LoopCore::Timer> timers_;
  UniqueFd ours_;
  UniqueFd theirs_;
  const std::shared_ptr<RecordingSource> a_ = NewSource("a");
  const std::shared_ptr<RecordingSource> b_ = NewSource("b");
  const std::shared_ptr<RecordingSource> c_ = NewSource("c");
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_LOOP_LOOP_SOURCES_FIXTURE_H_
