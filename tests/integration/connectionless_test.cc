// Calls that are one datagram each way. Their forms and errors, as far as they
// are those of all calls, are in tests/calls; hostile datagrams in
// tests/conformance.

#include <unistd.h>

#include <atomic>
#include <future>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/connectionless_fixture.h"
#include "tests/integration/one_way_log.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(Addresses, ConnectionlessTest,
                         ::testing::Values("Path", "Abstract", "Pair"),
                         [](const auto& info) { return info.param; });

TEST_P(ConnectionlessTest, CallsAndDescriptorsGoBothWays) {
  Serve();
  for (int i = 0; i < 100; ++i) {
    const absl::StatusOr<Text> reply = stub_->Echo(Numbered(i));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->number(), i);
  }
  Parcel<Files> files;
  files.set_first(FileWith("first"));
  files.add_files(FileWith("second"));
  absl::StatusOr<Parcel<Files>> back = stub_->Exchange(std::move(files));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(ReadRest(back->take_first().get()), "first");
  EXPECT_EQ(ReadRest(back->take_files(0).get()), "second");
  EXPECT_EQ(server_->statistics().datagram_calls, 101u);
  EXPECT_EQ(server_->statistics().dropped_replies, 0u);
  EXPECT_EQ(server_->statistics().refused_knocks, 0u);
}

TEST_P(ConnectionlessTest, ItIsReadyWhenItsServerIs) {
  Serve();
  const absl::Status ready = channel_->WaitForReady(absl::Seconds(20));
  EXPECT_TRUE(ready.ok()) << ready;
}

TEST_P(ConnectionlessTest, OneWayCallsCostOneSystemCall) {
  Serve();
  Log::Stub log(*channel_);
  ASSERT_TRUE(log.Write(EntryOf("0")).ok());
  (void)told_.Await(1);
  Parcel<LogFile> file;
  file.set_file(FileWith("attached"));
  ASSERT_TRUE(log.Attach(std::move(file)).ok());
  EXPECT_EQ(told_.Await(2).at(1), "attached");
  std::atomic<size_t> calls = 0;
  const auto caller = std::this_thread::get_id();
  {
    FaultInjection counted([&](std::string_view, size_t) {
      if (std::this_thread::get_id() == caller) ++calls;
      return FaultInjection::Fault();
    });
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(log.Write(EntryOf("x")).ok());
    EXPECT_EQ(calls, 5u);
  }
  (void)told_.Await(7);
  EXPECT_EQ(server_->statistics().one_way_calls, 7u);
  EXPECT_EQ(server_->statistics().datagram_calls, 7u);
}

TEST_P(ConnectionlessTest, ManyThreadsShareAChannel) {
  Serve();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 50; ++j) {
        const absl::StatusOr<Text> reply = stub_->Echo(Numbered(i * 100 + j));
        if (reply.ok() && reply->number() == i * 100 + j) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 800);
  EXPECT_EQ(server_->statistics().dropped_replies, 0u);
}

TEST_P(ConnectionlessTest, ManyAsynchronousCallsAtOnceLoseNothing) {
  Serve();
  constexpr int kCalls = 1000;
  std::latch done(kCalls);
  std::atomic<int> good = 0;
  for (int i = 0; i < kCalls; ++i) {
    stub_->async().Echo(Numbered(i), {}, [&, i](absl::StatusOr<Text> reply) {
      if (reply.ok() && reply->number() == i) ++good;
      done.count_down();
    });
  }
  done.wait();
  EXPECT_EQ(good, kCalls);
  EXPECT_EQ(server_->statistics().dropped_replies, 0u);
}

TEST_P(ConnectionlessTest, WhatDoesNotFitIsRefusedBeforeItIsSent) {
  Serve();
  Text large;
  large.set_data(std::string(65'300, 'x'));
  EXPECT_TRUE(stub_->Echo(large).ok());
  large.set_data(std::string(65'536, 'x'));
  const absl::Status too_large = stub_->Echo(large).status();
  EXPECT_EQ(too_large.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(too_large.message()), HasSubstr("65536"));
  Parcel<Files> many;
  const UniqueFd file = FileWith("x");
  for (int i = 0; i < 253; ++i) many.add_files(SharedFd(FileWith("x")));
  const absl::Status too_many = stub_->Put(std::move(many)).status();
  EXPECT_EQ(too_many.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(too_many.message()), HasSubstr("252"));
  const absl::Status stream = stub_->Watch(Numbered(1)).Finish();
  EXPECT_EQ(stream.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(stream.message()), HasSubstr("stream"));
  EXPECT_EQ(server_->statistics().datagram_calls, 1u);
}

TEST_P(ConnectionlessTest, MostDescriptorsBothWays) {
  Serve();
  Parcel<Files> files;
  for (int i = 0; i < 252; ++i) files.add_files(FileWith(std::to_string(i)));
  absl::StatusOr<Parcel<Files>> back = stub_->Exchange(std::move(files));
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ((*back)->files_size(), 252);
  for (int i = 0; i < 252; ++i) {
    EXPECT_EQ(ReadRest(back->take_files(i).get()), std::to_string(i));
  }
}

TEST_P(ConnectionlessTest, AReplyThatDoesNotFitIsAnError) {
  service_.echo = [](ServerContext& context, const Text& request, Text& reply) {
    reply.set_data(std::string(request.number(), 'x'));
    if (request.text() == "metadata") {
      context.trailers().Add("key", std::string(60'000, 'x'));
    }
    if (request.text() == "details") {
      absl::Status status = absl::DataLossError("lost");
      status.SetPayload("type", absl::Cord(std::string(60'000, 'x')));
      context.trailers().Add("key", std::string(60'000, 'x'));
      return status;
    }
    return absl::OkStatus();
  };
  Serve();
  EXPECT_TRUE(stub_->Echo(TextOf("", 65'300)).ok());
  for (const char* what : {"", "metadata"}) {
    const absl::Status status = stub_->Echo(TextOf(what, 65'500)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  }
  const absl::Status status = stub_->Echo(TextOf("metadata", 10'000)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("datagram"));
  const absl::Status details = stub_->Echo(TextOf("details")).status();
  EXPECT_EQ(details.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(details.message()), HasSubstr("lost"));
  Text small;
  small.set_number(3);
  service_.get = [](ServerContext&, const Text&, Parcel<Files>& reply) {
    for (int i = 0; i < 253; ++i) reply.add_files(FileWith("x"));
    return absl::OkStatus();
  };
  EXPECT_EQ(stub_->Get(small).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_P(ConnectionlessTest, HeadersThatAreSentEarlyComeWithTheReply) {
  service_.echo = [](ServerContext& context, const Text&, Text&) {
    context.headers().Add("initial", "one");
    context.SendHeaders();
    context.trailers().Add("trailing", "two");
    return absl::OkStatus();
  };
  Serve();
  ReplyMetadata metadata;
  ASSERT_TRUE(stub_->Echo(Text(), {.reply_metadata = &metadata}).ok());
  EXPECT_EQ(metadata.headers, (Metadata{{"initial", "one"}}));
  EXPECT_EQ(metadata.trailers, (Metadata{{"trailing", "two"}}));
}

TEST_P(ConnectionlessTest, TheHandlerKnowsItsPeer) {
  std::promise<PeerCredentials> told;
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    told.set_value(context.peer());
    return context.OpenPeerPidfd().status();
  };
  Serve();
  (void)stub_->Echo(Text());
  const PeerCredentials peer = told.get_future().get();
  EXPECT_EQ(peer.uid, geteuid());
  EXPECT_EQ(peer.gid, getegid());
  EXPECT_EQ(peer.pid, getpid());
}

}  // namespace
}  // namespace fdrpc::testing
