#include "fdrpc/offered_services.h"

#include <unistd.h>

#include <future>
#include <latch>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "fdrpc/in_process_channel.h"
#include "tests/peer/calls_back_fixture.h"
#include "tests/support/fault_injection.h"
#include "tests/support/running_loop.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

using OfferedServicesTest = CallsBackFixture;
INSTANTIATE_TEST_SUITE_P(Over, OfferedServicesTest,
                         ::testing::ValuesIn(Link::kAll),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(OfferedServicesTest, AreCalledByHandlers) {
  Serve();
  OfferedServices offered({&observer_});
  TestService::Stub stub = NewStub({.offer = offered});
  for (int i = 0; i < 3; ++i) ExpectObserved(stub);
}

TEST_P(OfferedServicesTest, NobodyCallsAClientThatOffersNothing) {
  Serve();
  TestService::Stub stub = NewStub({});
  const absl::Status status = stub.Echo(TextOf("x")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the client offers no services"));
}

TEST_P(OfferedServicesTest, AMethodThatIsNotOfferedIsUnimplemented) {
  Serve();
  OfferedServices offered({});
  TestService::Stub stub = NewStub({.offer = offered});
  const absl::Status status = stub.Echo(TextOf("x")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("fdrpc.testing.TestService/Echo"));
}

TEST_P(OfferedServicesTest, DescriptorsTravelBothWays) {
  service_.exchange = [](ServerContext& context, Parcel<Files>& request,
                         Parcel<Files>& reply) {
    absl::StatusOr<Channel> client = ChannelToClient(context);
    if (!client.ok()) return client.status();
    absl::StatusOr<Parcel<Files>> got =
        TestService::Stub(*client).Exchange(std::move(request));
    if (got.ok()) reply = *std::move(got);
    return got.status();
  };
  Serve();
  OfferedServices offered({&observer_});
  TestService::Stub stub = NewStub({.offer = offered});
  const SharedFd file(FileWith("content"));
  for (int count : {1, 2, 252, 253, 600}) {
    Parcel<Files> request;
    for (int i = 0; i < count; ++i) request.add_files(file);
    absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
    ASSERT_TRUE(reply.ok()) << reply.status();
    ASSERT_EQ(reply->files_size(), count);
    EXPECT_TRUE(SameDescription(reply->files(count - 1), file.get()));
  }
}

TEST_P(OfferedServicesTest, SeeTheServerAsTheirPeer) {
  std::mutex mu;
  PeerCredentials seen;
  absl::Status pidfd;
  observer_.echo = [&](ServerContext& context, const Text&, Text& reply) {
    std::lock_guard lock(mu);
    seen = context.peer();
    pidfd = context.OpenPeerPidfd().status();
    reply = TextOf("observed x");
    return absl::OkStatus();
  };
  Serve();
  OfferedServices offered({&observer_});
  TestService::Stub stub = NewStub({.offer = offered});
  ExpectObserved(stub);
  std::lock_guard lock(mu);
  EXPECT_EQ(seen.pid, getpid());
  EXPECT_EQ(seen.uid, geteuid());
  EXPECT_EQ(pidfd.code(), absl::StatusCode::kUnimplemented) << pidfd;
}

TEST_P(OfferedServicesTest, AreThoseOfManyChannels) {
  Serve();
  OfferedServices offered({&observer_});
  std::vector<TestService::Stub> stubs;
  for (int i = 0; i < 20; ++i) stubs.push_back(NewStub({.offer = offered}));
  for (TestService::Stub& stub : stubs) ExpectObserved(stub);
  std::vector<std::jthread> threads;
  for (TestService::Stub& stub : stubs) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) ExpectObserved(stub);
    });
  }
}

TEST_P(OfferedServicesTest, AreServedInALoop) {
  Serve();
  RunningLoop loop;
  std::thread::id ran;
  observer_.echo = [&](ServerContext&, const Text&, Text& reply) {
    ran = std::this_thread::get_id();
    reply = TextOf("observed x");
    return absl::OkStatus();
  };
  OfferedServices offered({&observer_}, loop.loop());
  {
    TestService::Stub stub = NewStub({.offer = offered});
    ExpectObserved(stub);
  }
  EXPECT_EQ(ran, loop.thread());
}

TEST_P(OfferedServicesTest, AreThoseOfAServerThatListensToo) {
  Serve();
  Server own;
  own.AddService(observer_);
  OfferedServices offered(own);
  absl::StatusOr<Channel> inside = InProcessChannel(own);
  ASSERT_TRUE(inside.ok());
  ASSERT_TRUE(own.Start().ok());
  TestService::Stub stub = NewStub({.offer = offered});
  ExpectObserved(stub);
  TestService::Stub direct(*inside);
  ExpectObserved(direct);
}

TEST_P(OfferedServicesTest, ThatAreGoneFailTheCallsOfTheChannel) {
  Serve();
  auto offered = std::make_unique<OfferedServices>(
      std::initializer_list<Service*>{&observer_});
  TestService::Stub stub = NewStub({.offer = *offered});
  offered.reset();
  const absl::Status status = stub.Echo(TextOf("x")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("offers"));
}

TEST_P(OfferedServicesTest, ThatEndWhileAConnectionLastsEndOnlyCallsBack) {
  service_.put = [](ServerContext&, Parcel<Files>&, Text&) {
    return absl::OkStatus();
  };
  Serve();
  auto offered = std::make_unique<OfferedServices>(
      std::initializer_list<Service*>{&observer_});
  TestService::Stub stub = NewStub({.offer = *offered});
  ExpectObserved(stub);
  offered.reset();
  absl::Status status = stub.Echo(TextOf("x")).status();
  EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsFailedPrecondition(status))
      << status;
  EXPECT_TRUE(stub.Put(Parcel<Files>()).ok());
}

TEST_P(OfferedServicesTest, AChannelThatAHandlerKeepsEndsWithTheConnection) {
  std::promise<Channel> kept;
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    absl::StatusOr<Channel> client = ChannelToClient(context);
    if (client.ok()) kept.set_value(*client);
    return client.status();
  };
  std::latch waits(1);
  absl::Status why;
  std::latch ended(1);
  observer_.echo = [&](ServerContext& context, const Text& request, Text&) {
    if (request.text() != "wait") return absl::OkStatus();
    std::promise<void> cancelled;
    std::stop_callback on_cancel(context.cancellation(),
                                 [&] { cancelled.set_value(); });
    waits.count_down();
    cancelled.get_future().wait();
    why = context.cancellation_reason();
    ended.count_down();
    return absl::OkStatus();
  };
  Serve();
  OfferedServices offered({&observer_});
  std::optional<TestService::Stub> stub = NewStub({.offer = offered});
  ASSERT_TRUE(stub->Echo(Text()).ok());
  TestService::Stub back(kept.get_future().get());
  EXPECT_TRUE(back.Echo(TextOf("no handler runs")).ok());
  std::jthread leaves([&] {
    waits.wait();
    stub.reset();
  });
  const absl::Status status = back.Echo(TextOf("wait")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  ended.wait();
  EXPECT_EQ(why.code(), absl::StatusCode::kUnavailable) << why;
  const absl::Status later = back.Echo(TextOf("x")).status();
  EXPECT_EQ(later.code(), absl::StatusCode::kFailedPrecondition) << later;
  EXPECT_THAT(std::string(later.message()), HasSubstr("has ended"));
}

TEST_P(OfferedServicesTest, TheEndOfTheServerCancelsWhatItCalled) {
  std::latch waits(1);
  std::latch ended(1);
  observer_.echo = [&](ServerContext& context, const Text&, Text&) {
    std::promise<void> cancelled;
    std::stop_callback on_cancel(context.cancellation(),
                                 [&] { cancelled.set_value(); });
    waits.count_down();
    cancelled.get_future().wait();
    ended.count_down();
    return absl::OkStatus();
  };
  Serve();
  OfferedServices offered({&observer_});
  TestService::Stub stub = NewStub({.offer = offered});
  std::jthread ends([&] {
    waits.wait();
    server_->Shutdown(absl::ZeroDuration());
  });
  const absl::Status status = stub.Echo(TextOf("x")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  ended.wait();
}

TEST_P(OfferedServicesTest, AServerThatDrainsLetsItsHandlersCallBack) {
  std::latch called(1);
  std::latch drains(1);
  observer_.echo = [&](ServerContext&, const Text& request, Text& reply) {
    if (request.text() == "first") {
      called.count_down();
      drains.wait();
    }
    reply = request;
    return absl::OkStatus();
  };
  service_.echo = [](ServerContext& context, const Text&, Text& reply) {
    absl::StatusOr<Channel> client = ChannelToClient(context);
    if (!client.ok()) return client.status();
    TestService::Stub back(*client);
    absl::StatusOr<Text> got = back.Echo(TextOf("first"));
    if (got.ok()) got = back.Echo(TextOf("second"));
    if (got.ok()) reply = *std::move(got);
    return got.status();
  };
  Serve();
  OfferedServices offered({&observer_});
  TestService::Stub stub = NewStub({.offer = offered});
  std::jthread shuts_down([&] {
    called.wait();
    server_->Shutdown();
    drains.count_down();
  });
  const absl::StatusOr<Text> reply = stub.Echo(Text());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "second");
}

TEST_P(OfferedServicesTest, AnIdleOfferIsNotTimedOut) {
  observer_.echo = [](ServerContext&, const Text&, Text& reply) {
    reply = TextOf("observed x");
    return absl::OkStatus();
  };
  service_.get = [](ServerContext&, const Text&, Parcel<Files>&) {
    return absl::OkStatus();
  };
  Serve();
  ServerOptions options = OfferedServices::DefaultOptions();
  options.handshake_timeout = absl::Milliseconds(1);
  OfferedServices offered({&observer_}, options);
  TestService::Stub stub = NewStub({.offer = offered});
  ASSERT_TRUE(stub.Get(Text()).ok());
  // Another connection's handshake is over only after that time.
  auto [ours, theirs] = SocketPair();
  ASSERT_TRUE(offered.server().ServeConnection(std::move(theirs)).ok());
  char byte;
  while (read(ours.get(), &byte, 1) > 0) {
  }
  ExpectObserved(stub);
}

TEST_P(OfferedServicesTest, WithoutASocketForThemOnlyCallsBackFail) {
  Serve();
  OfferedServices offered({&observer_});
  // The door of a datagram socket also makes a pair, before.
  const size_t first = GetParam() == Link::Kind::kDatagramSocket ? 1 : 0;
  for (int error : {EMFILE, ENFILE}) {
    TestService::Stub stub = NewStub({.offer = offered});
    {
      const FaultInjection faults([=](std::string_view name, size_t index) {
        return FaultInjection::Fault{
            .error = name == "socketpair" && index >= first ? error : 0};
      });
      for (int i = 0; i < 2; ++i) {
        const absl::Status status = stub.Echo(TextOf("x")).status();
        EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted)
            << status;
        EXPECT_TRUE(stub.Get(Text()).ok());
      }
    }
    for (int i = 0; i < 2; ++i) ExpectObserved(stub);
  }
}

TEST_P(OfferedServicesTest, AServerInALoopCallsBackThere) {
  if (GetParam() != Link::Kind::kStreamSocket) GTEST_SKIP() << "once";
  RunningLoop loop;
  std::thread::id continued;
  class Front final : public TestService::AsyncService {
   public:
    explicit Front(std::thread::id& continued) : continued_(continued) {}
    void Echo(TestService::EchoCall call) override {
      const absl::StatusOr<Channel> client = ChannelToClient(call.context());
      if (!client.ok()) return call.Finish(client.status());
      TestService::Stub(*client).async().Echo(
          call.request(), {},
          [this, call](const absl::StatusOr<Text>& reply) mutable {
            continued_ = std::this_thread::get_id();
            if (reply.ok()) {
              call.Finish(*reply);
            } else {
              call.Finish(reply.status());
            }
          });
    }

   private:
    std::thread::id& continued_;
  } front(continued);
  Server server;
  server.AddService(front);
  link_ = std::make_unique<Link>(GetParam(), server);
  ASSERT_TRUE(link_->Open().ok());
  ASSERT_TRUE(server.Start(loop.loop()).ok());
  OfferedServices offered({&observer_});
  {
    TestService::Stub stub = NewStub({.offer = offered});
    ExpectObserved(stub);
  }
  EXPECT_EQ(continued, loop.thread());
  server.Shutdown();
  server.Wait();
}

}  // namespace
}  // namespace fdrpc::testing
