// Compiles and runs the adapter for libuv of docs/guide/.
#include <uv.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/channel.h"
#include "fdrpc/loop.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "tests/docs/guide_snippets.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/running_loop.h"
#include "tests/support/temp_dir.h"

// Snippets name parameters that they do not use.
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;

#include "uv_loop.inc"

// Counts how often libuv had something to do.
class Rounds {
 public:
  explicit Rounds(uv_loop_t* uv) {
    uv_check_init(uv, &check_);
    check_.data = this;
    uv_check_start(&check_, [](uv_check_t* handle) {
      ++static_cast<Rounds*>(handle->data)->count_;
    });
  }
  void Close() { uv_close(reinterpret_cast<uv_handle_t*>(&check_), nullptr); }
  int count() const { return count_; }

 private:
  uv_check_t check_;
  int count_ = 0;
};

class GuideLibuvTest : public ::testing::Test {
 protected:
  // The first libuv loop of a process opens a pipe for signals, which stays
  // open.
  static void SetUpTestSuite() {
    uv_loop_t uv;
    EXPECT_EQ(uv_loop_init(&uv), 0);
    EXPECT_EQ(uv_loop_close(&uv), 0);
  }

  GuideLibuvTest() {
    EXPECT_EQ(uv_loop_init(&uv_), 0);
    adapter_.emplace(&uv_, loop_);
    rounds_.emplace(&uv_);
  }
  ~GuideLibuvTest() override {
    server_.reset();
    EXPECT_EQ(uv_loop_close(&uv_), 0) << "something is open yet";
  }

  void Serve(Service& service, std::optional<Loop> loop) {
    server_.emplace();
    server_->AddService(service);
    ASSERT_TRUE(server_->Listen(dir_.address()).ok());
    const absl::Status started =
        loop.has_value() ? server_->Start(*loop) : server_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  guide::Journal::Stub NewStub(std::optional<Loop> loop) {
    absl::StatusOr<Channel> channel =
        Channel::Connect(dir_.address(), {.loop = std::move(loop)});
    EXPECT_TRUE(channel.ok()) << channel.status();
    return guide::Journal::Stub(*channel);
  }
  // Blocks until Close().
  void Run() { EXPECT_EQ(uv_run(&uv_, UV_RUN_DEFAULT), 0); }
  void Close() {
    adapter_->Close();
    rounds_->Close();
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  uv_loop_t uv_;
  Loop loop_ = NewLoop();
  std::optional<UvLoop> adapter_;
  std::optional<Rounds> rounds_;
  std::optional<Server> server_;
};

TEST_F(GuideLibuvTest, RunsTheCallbacksOfAClient) {
  AsyncJournal service;
  Serve(service, std::nullopt);
  uint64_t entries = 0;
  const std::thread::id here = std::this_thread::get_id();
  NewStub(loop_).async().Summarize(guide::SummarizeRequest(), {},
                                   [&](absl::StatusOr<guide::Summary> summary) {
                                     EXPECT_EQ(std::this_thread::get_id(),
                                               here);
                                     if (summary.ok())
                                       entries = summary->entries();
                                     Close();
                                   });
  Run();
  EXPECT_EQ(entries, 3u);
}

TEST_F(GuideLibuvTest, RunsTheCoroutinesOfAClient) {
  AsyncJournal service;
  Serve(service, std::nullopt);
  std::vector<std::string> lines;
  const auto copy_and_close = [&]() -> Task<void> {
    const absl::Status copied = co_await Copy(NewStub(loop_), lines);
    EXPECT_TRUE(copied.ok()) << copied;
    Close();
  };
  Spawn(copy_and_close());
  Run();
  EXPECT_THAT(lines, ElementsAre("0", "1", "2"));
}

TEST_F(GuideLibuvTest, RunsAServer) {
  CoJournal service;
  Serve(service, loop_);
  std::jthread client([this] {
    auto filter = NewStub(std::nullopt).Filter();
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
    loop_.Post([this] { Close(); });
  });
  Run();
}

TEST_F(GuideLibuvTest, RunsAClientAndItsServer) {
  AsyncJournal service;
  Serve(service, loop_);
  guide::Journal::Stub journal = NewStub(loop_);
  constexpr int kCalls = 50;
  int left = kCalls;
  for (int i = 0; i < kCalls; ++i) {
    journal.async().Summarize(guide::SummarizeRequest(), {},
                              [&](absl::StatusOr<guide::Summary> summary) {
                                EXPECT_TRUE(summary.ok()) << summary.status();
                                if (--left == 0) Close();
                              });
  }
  Run();
  EXPECT_EQ(left, 0);
  EXPECT_LT(rounds_->count(), kCalls);
}

TEST_F(GuideLibuvTest, KeepsTimeAndIsLeftInPeace) {
  // Leaves the call to its deadline.
  class Keeping final : public guide::Journal::AsyncService {
   public:
    void Summarize(AsyncServerUnary<guide::SummarizeRequest, guide::Summary>
                       call) override {
      kept.emplace(std::move(call));
    }
    std::optional<AsyncServerUnary<guide::SummarizeRequest, guide::Summary>>
        kept;
  } keeping;
  Serve(keeping, loop_);
  guide::Journal::Stub journal = NewStub(loop_);
  absl::Status status;
  journal.async().Summarize(guide::SummarizeRequest(),
                            {.timeout = absl::Milliseconds(30)},
                            [&](absl::StatusOr<guide::Summary> summary) {
                              status = summary.status();
                              Close();
                            });
  Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_LE(rounds_->count(), 20) << "of a loop that spins: thousands";
  keeping.kept.reset();
}

TEST_F(GuideLibuvTest, AServerGoesWithCallsInProgressOnceLibuvHasReturned) {
  CoJournal service;
  Serve(service, loop_);
  auto filter = NewStub(loop_).async().Filter();
  std::optional<absl::Status> status;
  guide::Entry entry;
  entry.set_text("a");
  filter.Write(entry, [](bool) {});
  filter.Read([&](std::optional<guide::Entry> read) {
    EXPECT_EQ(read->text(), "a");
    filter.Finish([&](absl::Status ended) { status = ended; });
    Close();
  });
  Run();
  EXPECT_FALSE(status.has_value());
  server_.reset();
  // With libuv, the client would be notified of the server's end.
  while (!status.has_value()) loop_.RunReady();
  EXPECT_EQ(status->code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace fdrpc::testing
