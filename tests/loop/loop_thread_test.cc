// Which thread a loop belongs to, and who runs it for threads that wait for its
// work.

#include "loop/loop_thread.h"

#include <atomic>
#include <latch>
#include <memory>
#include <thread>

#include "gtest/gtest.h"
#include "loop/loop_core.h"
#include "tests/loop/recording.h"

namespace fdrpc::testing {
namespace {

class LoopThreadTest : public ::testing::Test {
 protected:
  LoopThreadTest() { loop_ = NewLoopCore(); }
  // Makes the loop set done_.
  void PostDone() {
    loop_->Post([this] {
      ran_on_ = std::this_thread::get_id();
      done_ = true;
      loop_->TellWaiting();
    });
  }

  const std::thread::id here_ = std::this_thread::get_id();
  std::shared_ptr<LoopCore> loop_;
  std::atomic<bool> done_ = false;
  std::thread::id ran_on_;
};

TEST_F(LoopThreadTest, WhoWaitsRunsALoopThatIsNobodys) {
  PostDone();
  loop_->RunUntil(done_);
  EXPECT_EQ(ran_on_, here_);
}

TEST_F(LoopThreadTest, WhoWaitsRunsALoopOfItsOwn) {
  loop_->RunReady();
  PostDone();
  loop_->RunUntil(done_);
  EXPECT_EQ(ran_on_, here_);
}

TEST_F(LoopThreadTest, WhoWaitsLeavesTheLoopToTheThreadThatRunsIt) {
  std::jthread running([this] { loop_->Run(); });
  const std::thread::id there = running.get_id();
  std::latch runs(1);
  loop_->Post([&] { runs.count_down(); });
  runs.wait();
  PostDone();
  loop_->RunUntil(done_);
  EXPECT_EQ(ran_on_, there);
  loop_->Stop();
}

TEST_F(LoopThreadTest, WhoWaitsLeavesTheLoopToTheThreadThatRanIt) {
  std::latch ran(1);
  std::latch waits(1);
  std::jthread foreign([&] {
    loop_->RunReady();
    ran.count_down();
    waits.wait();
    while (!done_) loop_->RunReady();
  });
  ran.wait();
  PostDone();
  waits.count_down();
  loop_->RunUntil(done_);
  EXPECT_EQ(ran_on_, foreign.get_id());
}

TEST_F(LoopThreadTest, ALoopThatWasStoppedIsNobodys) {
  std::jthread running([this] { loop_->Run(); });
  std::latch runs(1);
  loop_->Post([&] { runs.count_down(); });
  runs.wait();
  // Before or while this thread waits.
  loop_->Stop();
  loop_->Post([&] { PostDone(); });
  loop_->RunUntil(done_);
}

TEST_F(LoopThreadTest, ALoopWhoseThreadHasEndedIsNobodys) {
  std::thread foreign([this] { loop_->RunReady(); });
  foreign.join();
  PostDone();
  loop_->RunUntil(done_);
  EXPECT_EQ(ran_on_, here_);
}

TEST_F(LoopThreadTest, ALoopWhoseThreadEndsMeanwhileIsNobodys) {
  std::latch ran(1);
  std::jthread foreign([&] {
    loop_->RunReady();
    ran.count_down();
  });
  ran.wait();
  PostDone();
  loop_->RunUntil(done_);
  EXPECT_EQ(ran_on_, here_);
}

TEST_F(LoopThreadTest, ALoopIsNobodysWhenItsThreadHasEndedWhileAnotherRanIt) {
  std::latch ran(1);
  std::latch ends(1);
  std::thread foreign([&] {
    loop_->RunReady();
    ran.count_down();
    ends.wait();
  });
  ran.wait();
  std::jthread running([this] { loop_->Run(); });
  loop_->Post([&] {
    ends.count_down();
    foreign.join();
    loop_->Stop();
  });
  running.join();
  PostDone();
  loop_->RunUntil(done_);
  EXPECT_EQ(ran_on_, here_);
}

TEST_F(LoopThreadTest, AThreadThatComesToRunTheLoopWaitsUntilItIsReturned) {
  std::jthread coming;
  bool done_before_it_ran = false;
  std::latch comes(1);
  loop_->Post([&] {
    coming = std::jthread([&] {
      comes.count_down();
      loop_->RunReady();
      done_before_it_ran = done_;
    });
    comes.wait();
    // In a round of its own, which the other thread might run.
    loop_->Post([this] { loop_->Post([this] { PostDone(); }); });
  });
  loop_->RunUntil(done_);
  coming.join();
  EXPECT_TRUE(done_before_it_ran);
  EXPECT_EQ(ran_on_, here_);
}

TEST_F(LoopThreadTest, AllWhoWaitAreTold) {
  std::jthread other([this] { loop_->RunUntil(done_); });
  std::jthread third([this] { loop_->RunUntil(done_); });
  PostDone();
  loop_->RunUntil(done_);
}

TEST_F(LoopThreadTest, ALoopIsReturnedToWhoseItWas) {
  loop_->RunReady();
  PostDone();
  loop_->RunUntil(done_);
  // Otherwise the other thread would run it now.
  done_ = false;
  std::latch waits(1);
  std::jthread other([&] {
    PostDone();
    waits.count_down();
    loop_->RunUntil(done_);
  });
  waits.wait();
  while (!done_) loop_->RunReady();
  EXPECT_EQ(ran_on_, here_);
}

}  // namespace
}  // namespace fdrpc::testing
