// How much metadata each side accepts, as its options say.

#include <atomic>
#include <optional>
#include <string>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/raw_peer.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

// A key, a value and the 5 bytes of an entry: this one is at the limit.
constexpr size_t kMost = 100;
std::string ValueOf(size_t bytes) {
  return std::string(bytes - 5 - std::string("key").size(), 'v');
}

class MetadataLimitsTest : public ::testing::TestWithParam<const char*> {
 protected:
  // Blocks until no handler uses the test's stack.
  void EndServer() {
    server_->Shutdown();
    server_->Wait();
  }
  void Serve(const ServerOptions& options) {
    server_.emplace(options);
    server_->AddService(service_);
    ASSERT_TRUE(server_->Listen(address_).ok());
    ASSERT_TRUE(server_->Start().ok());
  }
  TestService::Stub NewStub(const ChannelOptions& options = {}) {
    return TestService::Stub(*Channel::Connect(address_, options));
  }
  static void ExpectExhausted(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("metadata of 101 bytes exceeds the receiver's limit "
                          "of 100"));
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", GetParam());
  FakeService service_;
  std::optional<Server> server_;
};
INSTANTIATE_TEST_SUITE_P(Over, MetadataLimitsTest, kAllSchemes, SchemeName);

TEST_P(MetadataLimitsTest, ACallMayBringAsMuchMetadataAsTheServerTakes) {
  Serve({.max_metadata_bytes = kMost});
  TestService::Stub stub = NewStub();
  EXPECT_TRUE(stub.Echo(Text(), {.metadata = {{"key", ValueOf(kMost)}}}).ok());
  const CallOptions more = {.metadata = {{"key", ValueOf(kMost + 1)}}};
  ExpectExhausted(stub.Echo(Text(), more).status());
  ExpectExhausted(stub.Collect(more).Finish().status());
  ExpectExhausted(stub.Chat(more).Finish());
  EXPECT_TRUE(stub.Echo(Text()).ok());
}

TEST_P(MetadataLimitsTest, AServerMaySendAsMuchMetadataAsTheClientTakes) {
  std::atomic<size_t> headers = 0;
  std::atomic<size_t> trailers = 0;
  std::atomic<bool> early = false;
  const auto add = [&](ServerContext& context) {
    if (headers > 0) context.headers().Add("key", ValueOf(headers));
    if (trailers > 0) context.trailers().Add("key", ValueOf(trailers));
    if (early) context.SendHeaders();
    return absl::OkStatus();
  };
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    return add(context);
  };
  service_.watch = [&](ServerContext& context, const Text&,
                       ServerWriter<Text>&) { return add(context); };
  Serve({});
  TestService::Stub stub = NewStub({.max_metadata_bytes = kMost});
  headers = kMost;
  trailers = kMost;
  EXPECT_TRUE(stub.Echo(Text()).ok());
  for (const bool sent_early : {false, true}) {
    early = sent_early;
    for (std::atomic<size_t>* which : {&headers, &trailers}) {
      headers = 0;
      trailers = 0;
      *which = kMost + 1;
      ReplyMetadata received;
      ExpectExhausted(
          stub.Echo(Text(), {.reply_metadata = &received}).status());
      EXPECT_TRUE(received.headers.empty());
      EXPECT_TRUE(received.trailers.empty());
      ExpectExhausted(stub.Watch(Text()).Finish());
    }
  }
  headers = 0;
  trailers = 0;
  EXPECT_TRUE(stub.Echo(Text()).ok());
  EndServer();
}

TEST_P(MetadataLimitsTest, WhatTheProtocolDoesNotTakeIsNamed) {
  std::atomic<bool> in_headers = false;
  std::atomic<bool> early = false;
  std::atomic<bool> fails = false;
  const auto add = [&](ServerContext& context) {
    Metadata& metadata = in_headers ? context.headers() : context.trailers();
    metadata.Add("key", std::string(70'000, 'v'));
    if (early) context.SendHeaders();
    return fails ? absl::NotFoundError("no such file") : absl::OkStatus();
  };
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    return add(context);
  };
  service_.watch = [&](ServerContext& context, const Text&,
                       ServerWriter<Text>&) { return add(context); };
  Serve({});
  TestService::Stub stub = NewStub();
  const auto expect = [&](const absl::Status& status) {
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    const std::string message(status.message());
    EXPECT_THAT(message, HasSubstr(in_headers ? "the handler's headers"
                                              : "the handler's trailers"));
    EXPECT_THAT(message, HasSubstr("the protocol's limit of 1024 entries and "
                                   "65536 bytes"));
    if (fails && !early) {
      EXPECT_THAT(message, HasSubstr("NOT_FOUND: no such file"));
    }
  };
  for (const bool which : {false, true}) {
    in_headers = which;
    for (const bool error : {false, true}) {
      fails = error;
      expect(stub.Echo(Text()).status());
      expect(stub.Watch(Text()).Finish());
    }
  }
  early = true;
  expect(stub.Echo(Text()).status());
  expect(stub.Watch(Text()).Finish());
  EndServer();
}

TEST_P(MetadataLimitsTest, AnErrorWhoseMetadataTheClientDoesNotTakeIsNamed) {
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    context.trailers().Add("key", ValueOf(kMost + 1));
    return absl::NotFoundError("no such file");
  };
  Serve({});
  TestService::Stub stub = NewStub({.max_metadata_bytes = kMost});
  const absl::Status status = stub.Echo(Text()).status();
  ExpectExhausted(status);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("(ChannelOptions::max_metadata_bytes); it replaces the "
                        "status NOT_FOUND: no such file"));
  EndServer();
}

TEST_P(MetadataLimitsTest, AllValuesOfAKeyArriveInOrder) {
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    for (std::string_view value : context.metadata().GetAll("key")) {
      context.trailers().Add("key", value);
    }
    return absl::OkStatus();
  };
  Serve({});
  ReplyMetadata received;
  EXPECT_TRUE(NewStub()
                  .Echo(Text(), {.metadata = {{"key", "1"},
                                              {"other", "x"},
                                              {"key", ""},
                                              {"key", "1"}},
                                 .reply_metadata = &received})
                  .ok());
  EXPECT_THAT(received.trailers.GetAll("key"),
              ::testing::ElementsAre("1", "", "1"));
  EXPECT_TRUE(received.trailers.GetAll("other").empty());
  EXPECT_TRUE(received.headers.GetAll("key").empty());
  EndServer();
}

}  // namespace
}  // namespace fdrpc::testing
