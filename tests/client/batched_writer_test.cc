#include "client/batched_writer.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/client/scripted_connection.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/manual_clock.h"

namespace fdrpc {
namespace {

using ::fdrpc::testing::NewFrame;

class BatchedWriterTest : public ::testing::Test {
 protected:
  BatchedWriterTest()
      : writer_(std::make_shared<BatchedWriter>(peers_.connection())) {
    writer_->SetSelf(writer_);
    peers_.Handshake();
  }
  void Enqueue() { EXPECT_TRUE(peers_.connection().Enqueue(NewFrame(1, "x"))); }
  void MakeLoop() {
    absl::StatusOr<std::shared_ptr<LoopCore>> loop =
        LoopCore::Create(absl::ZeroDuration(), clock_);
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    writer_->BatchWith(*loop_);
  }

  testing::ExpectSameDescriptors census_;
  // Stands still, so that no turn of the loop is ever over.
  testing::ManualClock clock_;
  testing::ScriptedConnection peers_;
  std::shared_ptr<BatchedWriter> writer_;
  std::shared_ptr<LoopCore> loop_;
};

TEST_F(BatchedWriterTest, WritesAtOnceWithoutALoop) {
  Enqueue();
  writer_->Flush();
  EXPECT_EQ(peers_.PeerReceives(), 1u);
}

TEST_F(BatchedWriterTest, WritesAtOnceOnAnotherThreadThanTheLoops) {
  MakeLoop();
  Enqueue();
  writer_->Flush();
  EXPECT_EQ(peers_.PeerReceives(), 1u);
}

TEST_F(BatchedWriterTest, OnTheLoopsThreadItWritesAtTheEndOfTheBatch) {
  MakeLoop();
  for (int i = 0; i < 3; ++i) {
    loop_->Post([this] {
      Enqueue();
      writer_->Flush();
      EXPECT_EQ(peers_.PeerReceives(), 0u);
    });
  }
  loop_->RunReady();
  EXPECT_EQ(peers_.PeerReceives(), 3u);
  loop_->Post([this] {
    Enqueue();
    writer_->Flush();
  });
  loop_->RunReady();
  EXPECT_EQ(peers_.PeerReceives(), 1u) << "each batch anew";
}

TEST_F(BatchedWriterTest, AThreadThatWouldSleepInABatchWritesBefore) {
  MakeLoop();
  loop_->Post([this] {
    Enqueue();
    writer_->Flush();
    writer_->FlushDeferred();
    EXPECT_EQ(peers_.PeerReceives(), 1u);
  });
  loop_->RunReady();
}

TEST_F(BatchedWriterTest, WhatLingersIsWrittenBeforeAThreadSleeps) {
  Enqueue();
  EXPECT_TRUE(writer_->Linger());
  EXPECT_TRUE(writer_->lingers());
  EXPECT_EQ(peers_.PeerReceives(), 0u);
  writer_->FlushDeferred();
  EXPECT_FALSE(writer_->lingers());
  EXPECT_EQ(peers_.PeerReceives(), 1u);
  Enqueue();
  writer_->FlushDeferred();
  EXPECT_EQ(peers_.PeerReceives(), 0u) << "nothing was deferred";
}

TEST_F(BatchedWriterTest, MuchDoesNotLinger) {
  EXPECT_TRUE(peers_.connection().Enqueue(
      NewFrame(1, std::string(Connection::kMostLingering, 'x'))));
  EXPECT_FALSE(writer_->Linger());
  EXPECT_FALSE(writer_->lingers());
}

}  // namespace
}  // namespace fdrpc
