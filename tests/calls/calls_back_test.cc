// Calls that a handler makes to the services that its client offers, in all
// forms: the client is the one that serves them.

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "fdrpc/channel_to_client.h"
#include "fdrpc/offered_services.h"
#include "fdrpc/server_stream.h"
#include "tests/calls/calls_fixture.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::testing {
namespace {

// Passes calls on to its client, in the form under test.
class Mirror final : public TestService::Service {
 public:
  explicit Mirror(ClientForm& form) : form_(form) {}

  absl::Status Echo(ServerContext& context, const Text& request,
                    Text& reply) override {
    absl::StatusOr<Channel> client = ChannelToClient(context);
    if (!client.ok()) return client.status();
    TestService::Stub stub(*client);
    absl::StatusOr<Text> got = form_.Echo(stub, request, {.parent = &context});
    if (!got.ok()) return got.status();
    reply = *std::move(got);
    return absl::OkStatus();
  }

  absl::Status Watch(ServerContext& context, const Text& request,
                     ServerWriter<Text>& replies) override {
    absl::StatusOr<Channel> client = ChannelToClient(context);
    if (!client.ok()) return client.status();
    TestService::Stub stub(*client);
    auto call = form_.Watch(stub, request, {.parent = &context});
    while (std::optional<Text> reply = call->Read()) replies.Write(*reply);
    return call->Finish().status();
  }

  absl::Status Collect(ServerContext& context, ServerReader<Text>& requests,
                       Text& reply) override {
    absl::StatusOr<Channel> client = ChannelToClient(context);
    if (!client.ok()) return client.status();
    TestService::Stub stub(*client);
    auto call = form_.Collect(stub, {.parent = &context});
    while (std::optional<Text> request = requests.Read()) call->Write(*request);
    call->WritesDone();
    absl::StatusOr<Text> got = call->Finish();
    if (got.ok()) reply = *std::move(got);
    return got.status();
  }

  absl::Status Chat(ServerContext& context,
                    ServerStream<Text, Text>& stream) override {
    absl::StatusOr<Channel> client = ChannelToClient(context);
    if (!client.ok()) return client.status();
    TestService::Stub stub(*client);
    auto call = form_.Chat(stub, {.parent = &context});
    while (std::optional<Text> request = stream.Read()) {
      call->Write(*request);
      if (std::optional<Text> reply = call->Read()) stream.Write(*reply);
    }
    call->WritesDone();
    return call->Finish().status();
  }

 private:
  ClientForm& form_;
};

// The client form is that of the handlers, which call back; the server form is
// that of the client's services.
class CallsBackTest : public ::testing::TestWithParam<CallsTest::ParamType> {
 protected:
  void SetUp() override {
    offered_service_ = server_form().NewService(seen_);
    if (server_form().in_loop()) {
      loop_ = std::make_unique<RunningLoop>();
      offered_.emplace({&*offered_service_}, loop_->loop());
    } else {
      offered_.emplace({&*offered_service_});
    }
    server_.AddService(mirror_);
    link_.emplace(std::get<2>(GetParam()), server_);
    absl::StatusOr<Channel> channel = link_->NewChannel({.offer = *offered_});
    ASSERT_TRUE(channel.ok()) << channel.status();
    ASSERT_TRUE(link_->Open().ok());
    ASSERT_TRUE(server_.Start().ok());
    stub_.emplace(*channel);
  }
  void TearDown() override {
    stub_.reset();
    server_.Shutdown();
    server_.Wait();
    offered_.reset();
  }
  ClientForm& form() const { return std::get<0>(GetParam()).get(); }
  ServerForm& server_form() const { return std::get<1>(GetParam()).get(); }
  static Text Script(const std::string& text) {
    Text message;
    message.set_text(text);
    return message;
  }

  Observations seen_;
  std::unique_ptr<Service> offered_service_;
  std::unique_ptr<RunningLoop> loop_;
  // Has neither a copy nor a move.
  struct Offered {
    void emplace(std::initializer_list<Service*> services) {
      value = std::make_unique<OfferedServices>(services);
    }
    void emplace(std::initializer_list<Service*> services, Loop loop) {
      value = std::make_unique<OfferedServices>(services, std::move(loop));
    }
    OfferedServices& operator*() const { return *value; }
    void reset() { value.reset(); }
    std::unique_ptr<OfferedServices> value;
  } offered_;
  Mirror mirror_{form()};
  Server server_;
  std::optional<Link> link_;
  std::optional<TestService::Stub> stub_;
};
INSTANTIATE_TEST_SUITE_P(Forms, CallsBackTest, AllForms(), FormsName);

TEST_P(CallsBackTest, AUnaryCallIsAnswered) {
  for (int i = 0; i < 3; ++i) {
    const absl::StatusOr<Text> reply = stub_->Echo(Script("echo hello"));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->text(), "hello");
  }
  const absl::Status status = stub_->Echo(Script("end 7 no")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
}

TEST_P(CallsBackTest, StreamsOfEveryKindArePassedOn) {
  {
    auto watch = stub_->Watch(Script("echo a;echo b"));
    EXPECT_EQ(watch.Read()->text(), "a");
    EXPECT_EQ(watch.Read()->text(), "b");
    EXPECT_FALSE(watch.Read().has_value());
    EXPECT_TRUE(watch.Finish().ok());
  }
  {
    auto collect = stub_->Collect();
    EXPECT_TRUE(collect.Write(Script("a")));
    EXPECT_TRUE(collect.Write(Script("b")));
    collect.WritesDone();
    const absl::StatusOr<Text> reply = collect.Finish();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->number(), 2);
  }
  auto chat = stub_->Chat();
  for (const char* text : {"a", "b"}) {
    EXPECT_TRUE(chat.Write(Script(std::string("echo ") + text)));
    EXPECT_EQ(chat.Read()->text(), text);
  }
  chat.WritesDone();
  EXPECT_TRUE(chat.Finish().ok());
}

TEST_P(CallsBackTest, TheDeadlineIsPassedOn) {
  EXPECT_EQ(stub_->Echo(Script("deadline"))->text(), "none");
  EXPECT_EQ(
      stub_->Echo(Script("deadline"), {.timeout = absl::Hours(1)})->text(),
      "some");
}

TEST_P(CallsBackTest, CancellingIsPassedOn) {
  std::stop_source stop;
  std::thread canceller([&] {
    seen_.AwaitWaiting(1);
    stop.request_stop();
  });
  EXPECT_EQ(stub_->Echo(Script("wait"), {.cancellation = stop.get_token()})
                .status()
                .code(),
            absl::StatusCode::kCancelled);
  canceller.join();
  seen_.AwaitCancelled(1);
}

TEST_P(CallsBackTest, TheEndOfTheChannelEndsWhatTheServerCalls) {
  absl::StatusOr<Channel> channel = link_->NewChannel({.offer = *offered_});
  ASSERT_TRUE(channel.ok());
  {
    // Cancels the call when it is destroyed; its handler's call ends with it,
    // or with the connection.
    auto call = TestService::Stub(*channel).Watch(Script("wait"));
    channel = absl::UnknownError("");
    seen_.AwaitWaiting(1);
  }
  seen_.AwaitCancelled(1);
}

}  // namespace
}  // namespace fdrpc::testing
