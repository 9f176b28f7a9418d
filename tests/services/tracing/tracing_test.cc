#include "fdrpc/tracing.h"

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/async_server_stream.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calls/link.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// What one side has told.
class Spans final : public SpanObserver {
 public:
  void OnStart(const Span& span) override {
    Add(span, "start");
    const std::lock_guard lock(mutex_);
    started_.push_back(span);
  }
  void OnMessage(const Span& span, Direction direction, size_t bytes) override {
    Add(span,
        std::string(direction == Direction::kSent ? "sent " : "received ") +
            std::to_string(bytes));
  }
  void OnEnd(const Span& span, const absl::Status& status,
             absl::Duration elapsed) override {
    EXPECT_GE(elapsed, absl::ZeroDuration());
    Add(span, "end " + absl::StatusCodeToString(status.code()));
  }

  std::vector<std::string> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  std::vector<Span> started() {
    const std::lock_guard lock(mutex_);
    return started_;
  }

 private:
  void Add(const Span& span, std::string event) {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(span.method.starts_with("fdrpc.testing.TestService/"));
    events_.push_back(std::move(event));
  }

  std::mutex mutex_;
  std::vector<std::string> events_;
  std::vector<Span> started_;
};

class TracingTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  void SetUp() override {
    server_.AddService(service_);
    const absl::StatusOr<Channel> channel =
        link_.NewChannel({.interceptors = {TraceClient(client_spans_)}});
    ASSERT_TRUE(channel.ok()) << channel.status();
    stub_.emplace(*channel);
    ASSERT_TRUE(link_.Open().ok());
    ASSERT_TRUE(server_.Start().ok());
  }
  // Of the server nothing comes later.
  void StopServer() {
    stub_.reset();
    server_.Shutdown();
    server_.Wait();
  }
  void TearDown() override { StopServer(); }

  FakeService service_;
  const std::shared_ptr<Spans> client_spans_ = std::make_shared<Spans>();
  const std::shared_ptr<Spans> server_spans_ = std::make_shared<Spans>();
  Server server_{{.interceptors = {TraceServer(server_spans_)}}};
  Link link_{GetParam(), server_};
  std::optional<TestService::Stub> stub_;
};

TEST_P(TracingTest, AUnaryCallIsASpanOnBothSides) {
  ASSERT_TRUE(stub_->Echo(TextOf("abc")).ok());
  StopServer();
  EXPECT_THAT(client_spans_->events(),
              ElementsAre("start", "sent 5", "received 5", "end OK"));
  EXPECT_THAT(server_spans_->events(),
              ElementsAre("start", "received 5", "sent 5", "end OK"));
  const Span client = client_spans_->started().at(0);
  const Span server = server_spans_->started().at(0);
  EXPECT_EQ(client.side, Span::Side::kClient);
  EXPECT_EQ(client.method, "fdrpc.testing.TestService/Echo");
  EXPECT_EQ(client.parent, std::nullopt);
  EXPECT_EQ(server.side, Span::Side::kServer);
  EXPECT_EQ(server.method, client.method);
  EXPECT_EQ(server.context.trace_id, client.context.trace_id);
  EXPECT_EQ(server.parent, client.context.span_id);
  EXPECT_NE(server.context.span_id, client.context.span_id);
}

TEST_P(TracingTest, AStreamTellsEachMessage) {
  auto watch = stub_->Watch(TextOf("a", 2));
  while (watch.Read().has_value()) {
  }
  ASSERT_TRUE(watch.Finish().ok());
  StopServer();
  EXPECT_THAT(
      client_spans_->events(),
      ElementsAre("start", "sent 5", "received 3", "received 5", "end OK"));
  EXPECT_THAT(server_spans_->events(),
              ElementsAre("start", "received 5", "sent 3", "sent 5", "end OK"));
}

TEST_P(TracingTest, AnErrorEndsTheSpan) {
  service_.echo = [](ServerContext&, const Text&, Text&) {
    return absl::NotFoundError("no");
  };
  ASSERT_FALSE(stub_->Echo(Text()).ok());
  StopServer();
  EXPECT_THAT(client_spans_->events(),
              ElementsAre("start", "sent 0", "end NOT_FOUND"));
  EXPECT_THAT(server_spans_->events(),
              ElementsAre("start", "received 0", "end NOT_FOUND"));
}

TEST_P(TracingTest, AHandlersCallIsInTheSameTrace) {
  std::promise<Metadata> outer;
  service_.echo = [&](ServerContext& context, const Text& request, Text&) {
    if (request.text() == "inner") return absl::OkStatus();
    outer.set_value(context.metadata());
    return stub_->Echo(TextOf("inner"), {.parent = &context}).status();
  };
  CallOptions options;
  options.metadata = {
      {"traceparent",
       "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"},
      {"tracestate", "a=1"},
      {"other", "kept"}};
  ASSERT_TRUE(stub_->Echo(Text(), options).ok());
  StopServer();
  const std::vector<Span> clients = client_spans_->started();
  const std::vector<Span> servers = server_spans_->started();
  ASSERT_THAT(clients, SizeIs(2));
  ASSERT_THAT(servers, SizeIs(2));
  for (const Span& span : {clients[0], clients[1], servers[0], servers[1]}) {
    EXPECT_EQ(span.context.ToTraceparent().substr(0, 36),
              "00-0af7651916cd43dd8448eb211c80319c-");
    EXPECT_EQ(span.context.flags, 0);
  }
  EXPECT_EQ(clients[0].parent->at(0), 0xb7);
  EXPECT_EQ(servers[0].parent, clients[0].context.span_id);
  EXPECT_EQ(clients[1].parent, servers[0].context.span_id);
  EXPECT_EQ(servers[1].parent, clients[1].context.span_id);
  const Metadata seen = outer.get_future().get();
  EXPECT_THAT(seen.GetAll("traceparent"),
              ElementsAre(servers[0].context.ToTraceparent()));
  EXPECT_EQ(seen.Get("tracestate"), "a=1");
  EXPECT_EQ(seen.Get("other"), "kept");
}

TEST_P(TracingTest, WhatIsNotValidBeginsANewTrace) {
  ASSERT_TRUE(
      stub_->Echo(Text(), {.metadata = {{"traceparent", "nonsense"}}}).ok());
  StopServer();
  EXPECT_EQ(client_spans_->started().at(0).parent, std::nullopt);
  EXPECT_EQ(server_spans_->started().at(0).parent,
            client_spans_->started().at(0).context.span_id);
}

// Handlers that return without an answer, and keep nothing.
class LettingGo final : public TestService::AsyncService {
 public:
  void Watch(AsyncServerWriter<Text, Text>) override {}
};

TEST_P(TracingTest, AHandlerThatLetsGoOfItsCallEndsTheSpanAsForItsClient) {
  LettingGo service;
  Server server({.interceptors = {TraceServer(server_spans_)}});
  server.AddService(service);
  Link link(GetParam(), server);
  const absl::StatusOr<Channel> channel = link.NewChannel({});
  ASSERT_TRUE(channel.ok()) << channel.status();
  ASSERT_TRUE(link.Open().ok());
  ASSERT_TRUE(server.Start().ok());
  auto watch = TestService::Stub(*channel).Watch(TextOf("abc"));
  EXPECT_FALSE(watch.Read().has_value());
  EXPECT_EQ(watch.Finish().code(), absl::StatusCode::kInternal);
  server.Shutdown();
  server.Wait();
  EXPECT_THAT(server_spans_->events(),
              ElementsAre("start", "received 5", "end INTERNAL"));
}

INSTANTIATE_TEST_SUITE_P(, TracingTest, ::testing::ValuesIn(Link::kAll),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace fdrpc::testing
