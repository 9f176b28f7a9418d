// A process at each end of one pair of sockets, which serves and calls.
#include <unistd.h>

#include <future>
#include <stop_token>
#include <tuple>

#include "tests/peer/calls_back_fixture.h"
#include "tests/support/child.h"

namespace fdrpc::testing {
namespace {

// Over one pair of sockets, both ends serve and call.
class OnePairTest : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Over, OnePairTest,
                         ::testing::Values(SOCK_STREAM, SOCK_SEQPACKET));

absl::Status CallBack(ServerContext& context, const Text& request,
                      Text& reply) {
  absl::StatusOr<Channel> client = ChannelToClient(context);
  if (!client.ok()) return client.status();
  absl::StatusOr<Text> got = TestService::Stub(*client).Echo(request);
  if (got.ok()) reply = *std::move(got);
  return got.status();
}

TEST_P(OnePairTest, AParentAndItsChildServeAndCall) {
  const ExpectSameDescriptors census;
  UniqueFd parents, childs;
  std::tie(parents, childs) = SocketPair(GetParam());
  const pid_t child = Fork([&, child_end = childs.get()] {
    UniqueFd parent_end = std::move(parents);
    parent_end.Reset();
    FakeService service;
    service.echo = CallBack;
    Server server;
    server.AddService(service);
    if (!server.ServeConnection(UniqueFd(child_end)).ok()) return 1;
    (void)childs.Release();
    server.Run();  // until the parent closes its end
    return 0;
  });
  childs.Reset();
  {
    FakeService observer;
    observer.echo = [](ServerContext& context, const Text& request,
                       Text& reply) {
      reply = TextOf("from the parent: " + request.text(), context.peer().pid);
      return absl::OkStatus();
    };
    OfferedServices offered({&observer});
    absl::StatusOr<Channel> channel =
        Channel::FromSocket(std::move(parents), {.offer = offered});
    ASSERT_TRUE(channel.ok()) << channel.status();
    const absl::StatusOr<Text> reply =
        TestService::Stub(*channel).Echo(TextOf("hello"));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->text(), "from the parent: hello");
  }
  EXPECT_EQ(ExitCode(child), 0);
}

TEST_P(OnePairTest, AChildThatIsKilledEndsBothDirections) {
  const ExpectSameDescriptors census;
  UniqueFd parents, childs;
  std::tie(parents, childs) = SocketPair(GetParam());
  const pid_t child = Fork([&, child_end = childs.get()] {
    parents.Reset();
    FakeService service;
    service.echo = CallBack;
    Server server;
    server.AddService(service);
    if (!server.ServeConnection(UniqueFd(child_end)).ok()) return 1;
    (void)childs.Release();
    server.Run();
    return 0;
  });
  childs.Reset();
  {
    FakeService observer;
    absl::Status why;
    observer.echo = [&](ServerContext& context, const Text&, Text&) {
      std::promise<void> cancelled;
      std::stop_callback on_cancel(context.cancellation(),
                                   [&] { cancelled.set_value(); });
      kill(child, SIGKILL);
      cancelled.get_future().wait();
      why = context.cancellation_reason();
      return absl::OkStatus();
    };
    OfferedServices offered({&observer});
    absl::StatusOr<Channel> channel =
        Channel::FromSocket(std::move(parents), {.offer = offered});
    ASSERT_TRUE(channel.ok()) << channel.status();
    const absl::Status status =
        TestService::Stub(*channel).Echo(Text()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    channel = absl::UnknownError("");
    // The destructor waits for the handler.
    offered.server().Shutdown();
    offered.server().Wait();
    EXPECT_EQ(why.code(), absl::StatusCode::kUnavailable) << why;
  }
  EXPECT_EQ(ExitCode(child), -SIGKILL);
}

TEST_P(OnePairTest, AClientThatIsKilledEndsBothDirections) {
  const ExpectSameDescriptors census;
  UniqueFd parents, childs;
  std::tie(parents, childs) = SocketPair(GetParam());
  const pid_t child = Fork([&, child_end = childs.get()] {
    parents.Reset();
    FakeService observer;
    observer.echo = [](ServerContext&, const Text&, Text&) {
      kill(getpid(), SIGKILL);
      return absl::OkStatus();
    };
    OfferedServices offered({&observer});
    absl::StatusOr<Channel> channel =
        Channel::FromSocket(UniqueFd(child_end), {.offer = offered});
    (void)childs.Release();
    (void)TestService::Stub(*channel).Echo(Text());
    return 1;
  });
  childs.Reset();
  {
    FakeService service;
    absl::Status back;
    service.echo = [&](ServerContext& context, const Text& request,
                       Text& reply) {
      back = CallBack(context, request, reply);
      return back;
    };
    Server server;
    server.AddService(service);
    ASSERT_TRUE(server.ServeConnection(std::move(parents)).ok());
    server.Run();
    EXPECT_EQ(back.code(), absl::StatusCode::kUnavailable) << back;
  }
  EXPECT_EQ(ExitCode(child), -SIGKILL);
}

TEST_P(OnePairTest, AChildOfTheClientDoesNotEndItsOffer) {
  const ExpectSameDescriptors census;
  auto [ours, theirs] = SocketPair(GetParam());
  FakeService service;
  service.echo = CallBack;
  FakeService observer;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.ServeConnection(std::move(theirs)).ok());
  ASSERT_TRUE(server.Start().ok());
  {
    OfferedServices offered({&observer});
    auto channel = std::make_unique<Channel>(
        *Channel::FromSocket(std::move(ours), {.offer = offered}));
    ASSERT_TRUE(TestService::Stub(*channel).Echo(TextOf("x")).ok());
    // Destroys its copy.
    EXPECT_EQ(InChild([&] {
                channel.reset();
                return 0;
              }),
              0);
    EXPECT_TRUE(TestService::Stub(*channel).Echo(TextOf("x")).ok());
    channel.reset();
  }
  server.Wait();
}

}  // namespace
}  // namespace fdrpc::testing
