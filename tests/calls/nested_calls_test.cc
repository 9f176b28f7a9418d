// Calls that a handler makes for its own caller, in all forms.

#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "fdrpc/server_stream.h"
#include "tests/calls/calls_fixture.h"

namespace fdrpc::testing {
namespace {

// Passes calls on to another server, in the form under test.
class Front final : public TestService::Service {
 public:
  Front(TestService::Stub back, ClientForm& form)
      : back_(std::move(back)), form_(form) {}

  absl::Status Echo(ServerContext& context, const Text& request,
                    Text& reply) override {
    absl::StatusOr<Text> got = form_.Echo(back_, request, {.parent = &context});
    if (!got.ok()) return got.status();
    reply = *std::move(got);
    return absl::OkStatus();
  }

  absl::Status Watch(ServerContext& context, const Text& request,
                     ServerWriter<Text>& replies) override {
    auto call = form_.Watch(back_, request, {.parent = &context});
    while (std::optional<Text> reply = call->Read()) replies.Write(*reply);
    return call->Finish().status();
  }

  absl::Status Collect(ServerContext& context, ServerReader<Text>& requests,
                       Text&) override {
    context.SendHeaders();
    while (requests.Read().has_value()) {
    }
    after_the_end_ = form_.Echo(back_, Text(), {.parent = &context}).status();
    return after_the_end_;
  }

  // The status of the call that Collect makes after the last request.
  const absl::Status& after_the_end() const { return after_the_end_; }

 private:
  TestService::Stub back_;
  ClientForm& form_;
  absl::Status after_the_end_;
};

class NestedCallsTest : public CallsTest {
 protected:
  void SetUp() override {
    CallsTest::SetUp();
    front_service_.emplace(*stub_, form());
    front_.AddService(*front_service_);
    front_link_.emplace(link_kind(), front_);
    absl::StatusOr<Channel> channel = front_link_->NewChannel();
    ASSERT_TRUE(channel.ok()) << channel.status();
    ASSERT_TRUE(front_link_->Open().ok());
    ASSERT_TRUE(front_.Start().ok());
    front_stub_.emplace(*channel);
  }
  void TearDown() override {
    // The server would wait for a client that does not read.
    front_stub_.reset();
    front_.Shutdown();
    front_.Wait();
    CallsTest::TearDown();
  }

  std::optional<Front> front_service_;
  Server front_;
  std::optional<Link> front_link_;
  std::optional<TestService::Stub> front_stub_;
};
INSTANTIATE_TEST_SUITE_P(Forms, NestedCallsTest, AllForms(), FormsName);

TEST_P(NestedCallsTest, TheDeadlineIsPassedOn) {
  EXPECT_EQ(front_stub_->Echo(Script("deadline"))->text(), "none");
  const CallOptions options = {.timeout = absl::Hours(1)};
  EXPECT_EQ(front_stub_->Echo(Script("deadline"), options)->text(), "some");
  auto call = form().Watch(*front_stub_, Script("deadline"), options);
  EXPECT_EQ(call->Read()->text(), "some");
}

TEST_P(NestedCallsTest, CancellingIsPassedOn) {
  std::stop_source stop;
  std::thread canceller([&] {
    seen_.AwaitWaiting(1);
    stop.request_stop();
  });
  EXPECT_EQ(
      front_stub_->Echo(Script("wait"), {.cancellation = stop.get_token()})
          .status()
          .code(),
      absl::StatusCode::kCancelled);
  canceller.join();
  seen_.AwaitCancelled(1);
  auto call = form().Watch(*front_stub_, Script("echo a;wait"), {});
  EXPECT_EQ(call->Read()->text(), "a");
  seen_.AwaitWaiting(2);
  call->Cancel();
  seen_.AwaitCancelled(2);
}

TEST_P(NestedCallsTest, ACallOfACancelledHandlerIsNotMade) {
  auto call = form().Collect(*front_stub_, {});
  call->Headers();
  call->Cancel();
  EXPECT_EQ(call->Finish().status().code(), absl::StatusCode::kCancelled);
  front_.Shutdown();
  front_.Wait();
  EXPECT_EQ(front_service_->after_the_end().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace fdrpc::testing
