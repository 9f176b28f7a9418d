// One-way calls: the request is sent, and nothing comes back.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <latch>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/one_way_log.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/forced_rings.h"
#include "tests/support/raw_peer.h"
#include "tests/support/running_loop.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;

// Nobody waits for the handlers: at its end, a test resets the server, which
// does wait, before what they use is destroyed.
class OneWayTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Listen(Service& service, ServerOptions options = {}) {
    server_.emplace(options);
    server_->AddService(service);
    ASSERT_TRUE(server_->Listen(address_).ok());
  }
  void Serve(Service& service, ServerOptions options = {}) {
    Listen(service, options);
    ASSERT_TRUE(server_->Start().ok());
  }
  ServerStatistics StatisticsAtTheEnd() {
    server_->Shutdown();
    server_->Wait();
    return server_->statistics();
  }
  std::shared_ptr<Caller> Connect(ChannelOptions options = {}) {
    absl::StatusOr<Channel> channel = Channel::Connect(address_, options);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *channel;
  }
  static Parcel<LogFile> FileOf(const std::string& content) {
    Parcel<LogFile> parcel;
    parcel.set_file(FileWith(content));
    return parcel;
  }
  // From a stub of each form, one after the other.
  void CallFromEachForm(const Log::Stub& stub) {
    EXPECT_TRUE(stub.Write(EntryOf("blocking")).ok());
    EXPECT_TRUE(stub.Attach(FileOf("a file")).ok());
    for (bool file : {false, true}) {
      std::promise<absl::Status> ended;
      auto done = [&](absl::Status status) { ended.set_value(status); };
      if (file) {
        stub.async().Attach(FileOf("its file"), {}, done);
      } else {
        stub.async().Write(EntryOf("callback"), {}, done);
      }
      EXPECT_TRUE(ended.get_future().get().ok());
    }
    const auto co = [&]() -> Task<absl::Status> {
      absl::Status wrote = co_await stub.co().Write(EntryOf("coroutine"));
      if (!wrote.ok()) co_return wrote;
      co_return co_await stub.co().Attach(FileOf("another file"));
    };
    EXPECT_TRUE(BlockOn(co()).ok());
  }
  void ExpectAllForms() {
    std::vector<std::string> texts = told_.Await(6);
    std::sort(texts.begin(), texts.end());
    EXPECT_THAT(texts, ElementsAre("a file", "another file", "blocking",
                                   "callback", "coroutine", "its file"));
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", GetParam());
  RunningLoop loop_;
  Told told_;
  std::optional<Server> server_;
};
INSTANTIATE_TEST_SUITE_P(Over, OneWayTest, kAllSchemes, SchemeName);

TEST_P(OneWayTest, EachFormOfClientReachesEachFormOfServer) {
  BlockingLog blocking(told_);
  AsyncLog async(told_);
  CoLog co(told_);
  for (Service* service :
       {static_cast<Service*>(&blocking), static_cast<Service*>(&async),
        static_cast<Service*>(&co)}) {
    for (bool in_loop : {false, true}) {
      RunningLoop server_loop;
      Listen(*service);
      ASSERT_TRUE(
          (in_loop ? server_->Start(server_loop.loop()) : server_->Start())
              .ok());
      const size_t before = told_.size();
      CallFromEachForm(Log::Stub(Connect({.loop = loop_.loop()})));
      EXPECT_EQ(told_.Await(before + 6).size(), before + 6);
      const ServerStatistics statistics = StatisticsAtTheEnd();
      EXPECT_EQ(statistics.one_way_calls, 6u);
      EXPECT_EQ(statistics.one_way_errors, 0u);
      server_.reset();
    }
  }
}

TEST_P(OneWayTest, ATextAndAFileArriveFromEachForm) {
  BlockingLog log(told_);
  Serve(log);
  CallFromEachForm(Log::Stub(Connect({.loop = loop_.loop()})));
  ExpectAllForms();
  server_.reset();
}

TEST_P(OneWayTest, TenThousandInARowArriveInOrder) {
  constexpr int kCalls = 10'000;
  BlockingLog log(told_);
  Listen(log);
  RunningLoop server_loop;  // one thread, which keeps the order of arrival
  ASSERT_TRUE(server_->Start(server_loop.loop()).ok());
  Log::Stub stub(Connect());
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(stub.Write(EntryOf(std::to_string(i))).ok());
  }
  const std::vector<std::string> texts = told_.Await(kCalls);
  for (int i = 0; i < kCalls; ++i) ASSERT_EQ(texts[i], std::to_string(i));
  const ServerStatistics statistics = StatisticsAtTheEnd();
  EXPECT_EQ(statistics.one_way_calls, static_cast<uint64_t>(kCalls));
  EXPECT_EQ(statistics.one_way_errors, 0u);
  server_.reset();
}

// Although the frames of large requests take turns with others.
TEST_P(OneWayTest, LargeOnesAndSmallOnesArriveInOrder) {
  BlockingLog log(told_);
  Listen(log);
  RunningLoop server_loop;
  ASSERT_TRUE(server_->Start(server_loop.loop()).ok());
  Log::Stub stub(Connect({.loop = loop_.loop()}));
  EXPECT_TRUE(stub.Ask(EntryOf("greeting")).ok());
  std::vector<std::string> expected;
  for (int i = 0; i < 3; ++i) {
    for (size_t size : {8u << 20, 1u, 2u << 20, 2u, 3u}) {
      expected.push_back(std::string(size, static_cast<char>('a' + i)));
    }
  }
  std::latch ended(static_cast<std::ptrdiff_t>(expected.size()));
  for (const std::string& text : expected) {
    stub.async().Write(EntryOf(text), {}, [&](absl::Status status) {
      EXPECT_TRUE(status.ok()) << status;
      ended.count_down();
    });
  }
  ended.wait();
  EXPECT_TRUE(told_.Await(expected.size()) == expected);
  server_.reset();
}

TEST_P(OneWayTest, NoneIsLostAmongManyThreads) {
  BlockingLog log(told_);
  Serve(log);
  Log::Stub stub(Connect());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(stub.Write(EntryOf("x")).ok());
        if (i % 100 != 0) continue;
        EXPECT_TRUE(stub.Ask(EntryOf("y")).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(told_.Await(4000).size(), 4000u);
  server_.reset();
}

// In a ring none at all while the server's reader is awake.
TEST_P(OneWayTest, CostsTheClientOneSystemCallAndTheServerSendsNothing) {
  BlockingLog log(told_);
  Serve(log);
  Log::Stub stub(Connect());
  // The handshake is complete on both sides.
  ASSERT_TRUE(stub.Ask(EntryOf("")).ok());
  ASSERT_TRUE(stub.Write(EntryOf("warm")).ok());
  told_.Await(1);
  const std::thread::id client = std::this_thread::get_id();
  std::mutex mu;
  std::map<std::string, int> of_client;
  std::atomic<int> sent_by_server = 0;
  {
    FaultInjection counting([&](std::string_view name, size_t) {
      if (std::this_thread::get_id() == client) {
        std::lock_guard lock(mu);
        ++of_client[std::string(name)];
      } else if (name == "sendmsg") {
        ++sent_by_server;
      }
      return FaultInjection::Fault();
    });
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(stub.Write(EntryOf("x")).ok());
      told_.Await(i + 2);
    }
  }
  const int most = of_client["sendmsg"];
  EXPECT_LE(most, 100);
  if (!RingsAreForced()) {
    EXPECT_EQ(most, 100);
  }
  EXPECT_THAT(of_client, ElementsAre(std::pair("sendmsg", most)));
  EXPECT_EQ(sent_by_server, 0);
  server_.reset();
}

TEST_P(OneWayTest, ADescriptorThatIsNotOpenFailsTheCallAlone) {
  BlockingLog log(told_);
  Serve(log);
  Log::Stub stub(Connect());
  Parcel<LogFile> none;
  none->mutable_file();
  EXPECT_TRUE(absl::IsInvalidArgument(stub.Attach(std::move(none))));
  Parcel<LogFile> closed;
  // With a number that is not reused.
  const int number = fcntl(FileWith("x").get(), F_DUPFD_CLOEXEC, 900);
  closed.set_file(UniqueFd(number));
  close(number);
  EXPECT_TRUE(absl::IsInvalidArgument(stub.Attach(std::move(closed))));
  EXPECT_TRUE(stub.Attach(FileOf("content")).ok());
  EXPECT_THAT(told_.Await(1), ElementsAre("content"));
  server_.reset();
}

TEST_P(OneWayTest, WithoutAServerItSaysSo) {
  Log::Stub stub(Connect());
  EXPECT_TRUE(absl::IsUnavailable(stub.Write(EntryOf("x"))));
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      stub.Write(EntryOf("x"), {.timeout = absl::ZeroDuration()})));
  const absl::Status waited = stub.Attach(
      FileOf("x"), {.timeout = absl::Milliseconds(20), .wait_for_ready = true});
  EXPECT_TRUE(absl::IsDeadlineExceeded(waited)) << waited;
}

TEST_P(OneWayTest, WhatAServerThatWentHasNotReadGoesToTheNextOne) {
  BlockingLog log(told_);
  Serve(log);
  Log::Stub stub(Connect());
  ASSERT_TRUE(stub.Write(EntryOf("first")).ok());
  told_.Await(1);
  server_.reset();
  Serve(log);
  EXPECT_TRUE(stub.Write(EntryOf("second")).ok());
  EXPECT_TRUE(stub.Attach(FileOf("third")).ok());
  EXPECT_THAT(told_.Await(3), ElementsAre("first", "second", "third"));
  server_.reset();
}

TEST_P(OneWayTest, RequestsLargerThanTheSocketArriveWhole) {
  std::atomic<size_t> bytes = 0;
  BlockingLog log(told_);
  log.on_write = [&](ServerContext&, const std::string& text) {
    bytes += text.size();
  };
  Serve(log);
  Log::Stub stub(Connect());
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(stub.Write(EntryOf(std::string(3u << 20, 'x'))).ok());
  }
  told_.Await(4);
  EXPECT_EQ(bytes, 12u << 20);
  server_.reset();
}

TEST_P(OneWayTest, TheDeadlineReachesTheHandler) {
  std::promise<absl::Duration> remaining;
  BlockingLog log(told_);
  log.on_write = [&](ServerContext& context, const std::string&) {
    remaining.set_value(context.time_remaining());
  };
  Serve(log);
  EXPECT_TRUE(Log::Stub(Connect())
                  .Write(EntryOf("x"), {.timeout = absl::Hours(1)})
                  .ok());
  const absl::Duration left = remaining.get_future().get();
  EXPECT_GT(left, absl::Minutes(1));
  EXPECT_LE(left, absl::Hours(1));
  server_.reset();
}

TEST_P(OneWayTest, ErrorsAreCountedWhereNobodyHearsOfThem) {
  AsyncLog log(told_);
  Serve(log);
  const std::shared_ptr<Caller> caller = Connect();
  Log::Stub stub(caller);
  EXPECT_TRUE(stub.Write(EntryOf("fine")).ok());
  EXPECT_TRUE(stub.Write(EntryOf("wrong")).ok());
  EXPECT_TRUE(stub.Write(EntryOf("dropped")).ok());
  static constexpr Method kUnknown = {.full_name = "fdrpc.testing.Log/Gone",
                                      .one_way = true};
  const LogEntry entry = EntryOf("x");
  EXPECT_TRUE(internal::BlockingOneWay(*caller, kUnknown, entry, {}).ok());
  // The answer comes after all of them.
  EXPECT_TRUE(absl::IsUnimplemented(stub.Ask(EntryOf("")).status()));
  told_.Await(3);
  const ServerStatistics statistics = StatisticsAtTheEnd();
  EXPECT_EQ(statistics.one_way_calls, 4u);
  EXPECT_EQ(statistics.one_way_errors, 3u);
  server_.reset();
}

TEST_P(OneWayTest, EitherSideMayKnowTheMethodAsAnOrdinaryOne) {
  BlockingLog log(told_);
  Serve(log);
  const std::shared_ptr<Caller> caller = Connect();
  static constexpr Method kAsks = {.full_name = "fdrpc.testing.Log/Write"};
  const LogEntry entry = EntryOf("asked");
  absl::StatusOr<google::protobuf::Empty> reply =
      internal::BlockingUnary<google::protobuf::Empty>(*caller, kAsks, entry,
                                                       {});
  EXPECT_TRUE(reply.ok()) << reply.status();
  const LogEntry wrong = EntryOf("wrong");
  reply = internal::BlockingUnary<google::protobuf::Empty>(*caller, kAsks,
                                                           wrong, {});
  EXPECT_TRUE(absl::IsDataLoss(reply.status())) << reply.status();
  static constexpr Method kTells = {.full_name = "fdrpc.testing.Log/Ask",
                                    .one_way = true};
  EXPECT_TRUE(internal::BlockingOneWay(*caller, kTells, entry, {}).ok());
  EXPECT_TRUE(Log::Stub(caller).Ask(entry).ok());
  const ServerStatistics statistics = StatisticsAtTheEnd();
  EXPECT_EQ(statistics.one_way_calls, 1u);
  EXPECT_EQ(statistics.one_way_errors, 0u);
  server_.reset();
}

TEST_P(OneWayTest, DoesNotWaitForCallsThatAreAtTheServersLimit) {
  std::atomic<int> asking = 0;
  std::latch go_on(1);
  BlockingLog log(told_);
  log.on_ask = [&](ServerContext&) {
    ++asking;
    go_on.wait();
  };
  Serve(log, {.max_calls_per_connection = 16});
  Log::Stub stub(Connect());
  std::vector<std::thread> threads;
  for (int i = 0; i < 17; ++i) {  // one of them waits
    threads.emplace_back([&] { EXPECT_TRUE(stub.Ask(EntryOf("x")).ok()); });
  }
  while (asking < 16) std::this_thread::yield();
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(stub.Write(EntryOf("x")).ok());
  told_.Await(40);
  go_on.count_down();
  for (std::thread& thread : threads) thread.join();
  server_.reset();
}

TEST_P(OneWayTest, AClientThatIsFasterThanItsServerIsHeldBackAndLosesNothing) {
  constexpr int kCalls = 2000;
  std::latch go_on(1);
  std::atomic<bool> sent = false;
  BlockingLog log(told_);
  log.on_write = [&](ServerContext&, const std::string&) { go_on.wait(); };
  Serve(log, {.max_threads = 2,
              .max_calls_per_connection = 16,
              .max_held_bytes_per_connection = 1u << 20});
  Log::Stub stub(Connect());
  std::thread client([&] {
    for (int i = 0; i < kCalls; ++i) {
      EXPECT_TRUE(stub.Write(EntryOf(std::string(4000, 'x'))).ok());
    }
    sent = true;
  });
  while (server_->statistics().one_way_calls < 16) std::this_thread::yield();
  EXPECT_FALSE(sent);
  go_on.count_down();
  client.join();
  EXPECT_EQ(told_.Await(kCalls).size(), static_cast<size_t>(kCalls));
  EXPECT_EQ(StatisticsAtTheEnd().one_way_errors, 0u);
  server_.reset();
}

// Also if there is never a reply to be read.
TEST_P(OneWayTest, AConnectionThatOnlySendsThemGetsRings) {
  Told told;
  BlockingLog log(told);
  Serve(log, {.rings = Rings::kAtOnce});
  const Channel channel =
      *Channel::Connect(address_, {.rings = Rings::kAtOnce});
  const Log::Stub stub(channel);
  while (!channel.uses_rings()) {
    ASSERT_TRUE(stub.Write(EntryOf("x")).ok());
  }
  server_.reset();
}

}  // namespace
}  // namespace fdrpc::testing
