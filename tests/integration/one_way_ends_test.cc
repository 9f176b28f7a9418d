// One-way calls whose client is gone, or whose server leaves.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <thread>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/integration/one_way_log.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/raw_peer.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

class OneWayEndsTest : public ::testing::TestWithParam<const char*> {
 protected:
  OneWayEndsTest() {
    log_.on_write = [this](ServerContext& context, const std::string& text) {
      if (text != "hold") return;
      std::stop_callback cancelled(context.cancellation(),
                                   [this] { cancelled_.count_down(); });
      held_.count_down();
      go_on_.wait();
      was_cancelled_ = context.IsCancelled();
    };
    log_.on_ask = [this](ServerContext& context) {
      asked_.count_down();
      std::latch cancelled(1);
      std::stop_callback on_cancel(context.cancellation(),
                                   [&] { cancelled.count_down(); });
      cancelled.wait();
      client_gone_.count_down();
    };
  }

  void Listen(ServerOptions options = {}) {
    server_.emplace(options);
    server_->AddService(log_);
    ASSERT_TRUE(server_->Listen(address_).ok());
  }
  void Serve(ServerOptions options = {}) {
    Listen(options);
    ASSERT_TRUE(server_->Start().ok());
  }
  // What a child does: sends that many requests, with a file each, and exits.
  int SendAndExit(int count) {
    return InChild([&] {
      Log::Stub stub(*Channel::Connect(address_));
      for (int i = 0; i < count; ++i) {
        Parcel<LogFile> file;
        file.set_file(FileWith("x"));
        if (!stub.Write(EntryOf("x")).ok()) return 1;
        if (!stub.Attach(std::move(file)).ok()) return 2;
      }
      return 0;
    });
  }
  // A client whose connection has ended, as the server knows, while one of its
  // one-way calls continues.
  void CallAndDie() {
    const pid_t child = Fork();
    if (child == 0) {
      Log::Stub stub(*Channel::Connect(address_));
      if (!stub.Write(EntryOf("hold")).ok()) _exit(1);
      (void)stub.Ask(EntryOf("never answered"));
      _exit(1);
    }
    held_.wait();
    asked_.wait();
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    client_gone_.wait();
  }

  // The server drains while a one-way call is held, and waits for it.
  void ExpectWaitsForIt() {
    server_->Shutdown(absl::InfiniteDuration());
    std::thread releases([this] { go_on_.count_down(); });
    server_->Wait();
    releases.join();
    EXPECT_FALSE(was_cancelled_);
    EXPECT_EQ(told_.size(), 1u);
    EXPECT_EQ(server_->statistics().one_way_errors, 0u);
  }
  // The same with a drain deadline that has passed.
  void ExpectCancelsIt() {
    server_->Shutdown(absl::ZeroDuration());
    cancelled_.wait();
    go_on_.count_down();
    server_->Wait();
    EXPECT_TRUE(was_cancelled_);
    EXPECT_EQ(server_->statistics().one_way_errors, 1u);
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", GetParam());
  Told told_;
  BlockingLog log_{told_};
  std::latch held_{1};
  std::latch go_on_{1};
  std::latch cancelled_{1};
  std::latch asked_{1};
  std::latch client_gone_{1};
  std::atomic<bool> was_cancelled_ = false;
  std::optional<Server> server_;
};
INSTANTIATE_TEST_SUITE_P(Over, OneWayEndsTest, kAllSchemes, SchemeName);

TEST_P(OneWayEndsTest, AClientMaySendAndExitAtOnce) {
  Serve();
  EXPECT_EQ(SendAndExit(1000), 0);
  EXPECT_EQ(told_.Await(2000).size(), 2000u);
  server_->Shutdown();
  server_->Wait();
  EXPECT_EQ(server_->statistics().one_way_calls, 2000u);
  EXPECT_EQ(server_->statistics().one_way_errors, 0u);
}

TEST_P(OneWayEndsTest, AClientMayHaveGoneBeforeItsConnectionIsAccepted) {
  Listen();
  EXPECT_EQ(SendAndExit(20), 0);
  ASSERT_TRUE(server_->Start().ok());
  EXPECT_EQ(told_.Await(40).size(), 40u);
}

TEST_P(OneWayEndsTest, AClientMayExitWhileItsConnectionIsNotRead) {
  Serve({.max_threads = 2, .max_calls_per_connection = 16});
  // The only handler that may block is blocked: what follows has to wait.
  Log::Stub stub(*Channel::Connect(address_));
  EXPECT_TRUE(stub.Write(EntryOf("hold")).ok());
  held_.wait();
  EXPECT_EQ(SendAndExit(60), 0);
  EXPECT_EQ(told_.size(), 0u);
  go_on_.count_down();
  EXPECT_EQ(told_.Await(121).size(), 121u);
  EXPECT_EQ(server_->statistics().one_way_errors, 0u);
}

TEST_P(OneWayEndsTest, GoesOnWhenItsClientHasDied) {
  Serve();
  CallAndDie();
  go_on_.count_down();
  told_.Await(1);
  EXPECT_FALSE(was_cancelled_);
}

TEST_P(OneWayEndsTest, AServerThatDrainsWaitsForItAlsoWhenItsClientHasDied) {
  Serve();
  CallAndDie();
  ExpectWaitsForIt();
}

TEST_P(OneWayEndsTest, TheDrainDeadlineCancelsItAlsoWhenItsClientHasDied) {
  Serve();
  CallAndDie();
  ExpectCancelsIt();
}

TEST_P(OneWayEndsTest, AServerThatDrainsWaitsForThem) {
  Serve();
  Log::Stub stub(*Channel::Connect(address_));
  EXPECT_TRUE(stub.Write(EntryOf("hold")).ok());
  held_.wait();
  ExpectWaitsForIt();
}

TEST_P(OneWayEndsTest, TheDrainDeadlineCancelsThem) {
  Serve();
  Log::Stub stub(*Channel::Connect(address_));
  EXPECT_TRUE(stub.Write(EntryOf("hold")).ok());
  held_.wait();
  ExpectCancelsIt();
}

}  // namespace
}  // namespace fdrpc::testing
