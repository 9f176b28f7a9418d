// Compiles and runs the snippets of docs/guide/ about streams, callbacks,
// coroutines and loops.
#include <poll.h>

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/alarm.h"
#include "fdrpc/channel.h"
#include "fdrpc/loop.h"
#include "fdrpc/mixed_service.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "tests/docs/guide_snippets.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/temp_dir.h"

// Snippets name parameters that they do not use.
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;

#include "async_follow.inc"
#include "audit.inc"
#include "journal.inc"

class GuideStreamsTest : public ::testing::Test {
 protected:
  void Serve(Service& service) {
    server_.AddService(service);
    ASSERT_TRUE(server_.Listen(dir_.address()).ok());
    ASSERT_TRUE(server_.Start().ok());
    absl::StatusOr<Channel> channel = Channel::Connect(dir_.address());
    ASSERT_TRUE(channel.ok());
    channel_ = *channel;
  }
  guide::Journal::Stub journal() { return guide::Journal::Stub(*channel_); }

  TempDir dir_;
  Server server_;
  std::optional<Channel> channel_;
};

absl::StatusOr<guide::Summary> AppendAll(
    guide::Journal::Stub journal, const std::vector<std::string>& lines) {
#include "append.inc"
  return summary;
}

absl::Status FollowAll(guide::Journal::Stub journal,
                       std::vector<std::string>& lines) {
  guide::FollowRequest request;
#include "follow.inc"
  return status;
}

TEST_F(GuideStreamsTest, OneWayCallsAreSentAndForgotten) {
  std::promise<std::string> kept;
  Audit service([&](std::string text) { kept.set_value(std::move(text)); });
  Serve(service);
  const Channel& channel = *channel_;
#include "record.inc"
  EXPECT_TRUE(sent.ok()) << sent;
  EXPECT_EQ(kept.get_future().get(), "opened the store");
  // Before what the handler uses is destroyed, because nobody else waits for
  // it.
  server_.Shutdown();
  server_.Wait();
}

TEST_F(GuideStreamsTest, BlockingStreamsReadLikeLoops) {
  Journal service;
  Serve(service);
  absl::StatusOr<guide::Summary> summary =
      AppendAll(journal(), {"one", "two", "three"});
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->entries(), 3u);
  std::vector<std::string> lines;
  const absl::Status status = FollowAll(journal(), lines);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(lines, ElementsAre("one", "two", "three"));
  auto filter = journal().Filter();
  for (const char* text : {"a", "", "b"}) {
    guide::Entry entry;
    entry.set_text(text);
    EXPECT_TRUE(filter.Write(entry));
  }
  filter.WritesDone();
  EXPECT_EQ(filter.Read()->text(), "a");
  EXPECT_EQ(filter.Read()->text(), "b");
  EXPECT_FALSE(filter.Read().has_value());
  EXPECT_TRUE(filter.Finish().ok());
}

TEST_F(GuideStreamsTest, CallbacksOnBothSides) {
  AsyncJournal service;
  Serve(service);
  guide::Journal::Stub journal = this->journal();
  std::promise<uint64_t> result;
#include "async_client.inc"
  EXPECT_EQ(result.get_future().get(), 3u);
  std::vector<std::string> lines;
  std::promise<absl::Status> ended;
  ReadAll(journal.async().Follow(guide::FollowRequest()), lines, ended);
  const absl::Status status = ended.get_future().get();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(lines, ElementsAre("0", "1", "2"));
}

TEST_F(GuideStreamsTest, CallbacksAndCoroutinesInOneService) {
  Server& server = server_;
#include "mixed_service.inc"
  ASSERT_TRUE(server.Listen(dir_.address()).ok());
  ASSERT_TRUE(server.Start().ok());
  const absl::StatusOr<Channel> channel = Channel::Connect(dir_.address());
  ASSERT_TRUE(channel.ok());
  guide::Journal::Stub stub(*channel);
  const absl::StatusOr<guide::Summary> summary =
      stub.Summarize(guide::SummarizeRequest());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->entries(), 3u);
  auto filter = stub.Filter();
  guide::Entry entry;
  entry.set_text("a");
  EXPECT_TRUE(filter.WriteLast(entry));
  EXPECT_EQ(filter.Read()->text(), "a");
  EXPECT_TRUE(filter.Finish().ok());
  server.Shutdown();
  server.Wait();
}

TEST_F(GuideStreamsTest, CoroutinesOfAClient) {
  AsyncJournal service;
  Serve(service);
  std::vector<std::string> lines;
  const absl::Status status = BlockOn(Copy(journal(), lines));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(lines, ElementsAre("0", "1", "2"));
}

TEST_F(GuideStreamsTest, CoroutinesOfAServer) {
  CoJournal service;
  Serve(service);
  auto filter = journal().Filter();
  for (const char* text : {"a", "", "b"}) {
    guide::Entry entry;
    entry.set_text(text);
    EXPECT_TRUE(filter.Write(entry));
  }
  filter.WritesDone();
  EXPECT_EQ(filter.Read()->text(), "a");
  EXPECT_EQ(filter.Read()->text(), "b");
  EXPECT_TRUE(filter.Finish().ok());
}

absl::Status CallOnALoopOfOnesOwn(const std::string& address,
                                  uint64_t& entries) {
#include "loop.inc"
  bool done = false;
  guide::Journal::Stub journal(*channel);
  const std::thread::id here = std::this_thread::get_id();
  journal.async().Summarize(guide::SummarizeRequest(), {},
                            [&](absl::StatusOr<guide::Summary> summary) {
                              EXPECT_EQ(std::this_thread::get_id(), here);
                              if (summary.ok()) entries = summary->entries();
                              done = true;
                            });
#include "epoll.inc"
  return absl::OkStatus();
}

TEST_F(GuideStreamsTest, ALoopWithinAnother) {
  AsyncJournal service;
  Serve(service);
  uint64_t entries = 0;
  const absl::Status status = CallOnALoopOfOnesOwn(dir_.address(), entries);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(entries, 3u);
}

#include "alarm.inc"

TEST_F(GuideStreamsTest, AnAlarmWaitsInACoroutine) {
  AsyncJournal service;
  Serve(service);
  absl::StatusOr<Alarm> alarm = Alarm::Create();
  ASSERT_TRUE(alarm.ok()) << alarm.status();
  const absl::StatusOr<guide::Summary> summary =
      BlockOn(SummarizeWithPatience(journal(), *alarm));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->entries(), 3u);
}

absl::Status CallAServerOnTheSameThread(const std::string& address,
                                        uint64_t& entries) {
#include "server_loop.inc"
  return absl::OkStatus();
}

TEST(GuideLoopTest, AServerAndItsClientShareAThread) {
  ExpectSameDescriptors census;
  TempDir dir;
  uint64_t entries = 0;
  const absl::Status status =
      CallAServerOnTheSameThread(dir.address(), entries);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(entries, 3u);
}

}  // namespace
}  // namespace fdrpc::testing
