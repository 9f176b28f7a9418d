#include "fdrpc/in_process_channel.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/open_file_limit.h"
#include "tests/support/running_loop.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

// The status of the call, which has started when this returns.
std::future<absl::Status> BeginEcho(TestService::Stub& stub) {
  auto ended = std::make_shared<std::promise<absl::Status>>();
  stub.async().Echo(TextOf("early"), {}, [ended](absl::StatusOr<Text> reply) {
    ended->set_value(reply.status());
  });
  return ended->get_future();
}

// The process has one, which stays.
void MakeDefaultLoop() {
  auto server = std::make_unique<Server>();
  absl::StatusOr<Channel> channel = InProcessChannel(*server);
  ASSERT_TRUE(channel.ok()) << channel.status();
  server.reset();
  TestService::Stub stub(*channel);
  BeginEcho(stub).wait();
}

// Every test leaves the same descriptors open that were open before it.
class InProcessChannelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { MakeDefaultLoop(); }

  InProcessChannelTest() : census_(TakeCensus()) { MakeServer(); }
  ~InProcessChannelTest() override {
    server_.reset();
    EXPECT_EQ(TakeCensusExpecting(census_), census_);
  }

  void MakeServer(ServerOptions options = {}) {
    server_ = std::make_unique<Server>(options);
    server_->AddService(service_);
  }
  TestService::Stub NewStub() {
    absl::StatusOr<Channel> channel = InProcessChannel(*server_);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return TestService::Stub(*channel);
  }

  const DescriptorCensus census_;
  FakeService service_;
  std::unique_ptr<Server> server_;
};

TEST_F(InProcessChannelTest, ReachesAServerThatDoesNotListen) {
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  const absl::StatusOr<Text> reply = stub.Echo(TextOf("hello", 7));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "hello");
  EXPECT_EQ(reply->number(), 7);
}

TEST_F(InProcessChannelTest, ReachesAServerThatListensAndServes) {
  TempDir dir;
  ASSERT_TRUE(server_->Listen(dir.address()).ok());
  ASSERT_TRUE(server_->Start().ok());
  EXPECT_TRUE(NewStub().Echo(Text()).ok());
  absl::StatusOr<Channel> channel = Channel::Connect(dir.address());
  ASSERT_TRUE(channel.ok());
  EXPECT_TRUE(TestService::Stub(*channel).Echo(Text()).ok());
}

TEST_F(InProcessChannelTest, OneWayCallsArriveInOrder) {
  constexpr int kCalls = 5000;
  std::vector<int64_t> numbers;
  std::promise<void> all;
  service_.echo = [&](ServerContext&, const Text& request, Text&) {
    numbers.push_back(request.number());
    if (numbers.size() == kCalls) all.set_value();
    return absl::OkStatus();
  };
  RunningLoop loop;
  const absl::StatusOr<Channel> channel = InProcessChannel(*server_);
  ASSERT_TRUE(channel.ok());
  const std::shared_ptr<Caller> caller = *channel;
  ASSERT_TRUE(server_->Start(loop.loop()).ok());
  static constexpr Method kEcho = {
      .full_name = "fdrpc.testing.TestService/Echo", .one_way = true};
  for (int i = 0; i < kCalls; ++i) {
    const Text request = TextOf("", i);
    ASSERT_TRUE(internal::BlockingOneWay(*caller, kEcho, request, {}).ok());
  }
  all.get_future().wait();
  for (int i = 0; i < kCalls; ++i) ASSERT_EQ(numbers[i], i);
  EXPECT_EQ(server_->statistics().one_way_calls, static_cast<size_t>(kCalls));
  server_.reset();  // before the loop
}

TEST_F(InProcessChannelTest, ItsPeerIsThisProcess) {
  PeerCredentials peer;
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    peer = context.peer();
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  ASSERT_TRUE(stub.Echo(Text()).ok());
  EXPECT_EQ(peer.uid, geteuid());
  EXPECT_EQ(peer.gid, getegid());
  EXPECT_EQ(peer.pid, getpid());
}

TEST_F(InProcessChannelTest, CallsWaitUntilTheServerStarts) {
  TestService::Stub stub = NewStub();
  std::vector<std::future<absl::Status>> calls;
  for (int i = 0; i < 100; ++i) calls.push_back(BeginEcho(stub));
  ASSERT_TRUE(server_->Start().ok());
  for (auto& call : calls) {
    const absl::Status status = call.get();
    EXPECT_TRUE(status.ok()) << status;
  }
}

// There is no address to name.
void ExpectGone(const absl::Status& status, const std::string& method) {
  EXPECT_EQ(status, absl::UnavailableError(
                        "the server has shut down (fdrpc.testing.TestService/" +
                        method + ")"));
}

TEST_F(InProcessChannelTest, CallsOfAServerThatNeverStartsFailWhenItGoes) {
  TestService::Stub stub = NewStub();
  std::future<absl::Status> unseen = BeginEcho(stub);
  std::promise<absl::Status> with_descriptor;
  Parcel<Files> request;
  request.set_first(FileWith("lost"));
  stub.async().Put(std::move(request), {}, [&](absl::StatusOr<Text> reply) {
    with_descriptor.set_value(reply.status());
  });
  server_.reset();
  ExpectGone(unseen.get(), "Echo");
  EXPECT_EQ(with_descriptor.get_future().get().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(InProcessChannelTest, CallsFailOnceTheServerHasShutDown) {
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  ASSERT_TRUE(stub.Echo(Text()).ok());
  server_->Shutdown();
  server_->Wait();
  ExpectGone(stub.Echo(Text()).status(), "Echo");
  Parcel<Files> request;
  request.set_first(FileWith("x"));
  ExpectGone(stub.Put(std::move(request)).status(), "Put");
  ExpectGone(NewStub().Echo(Text()).status(), "Echo");
  server_.reset();
  ExpectGone(stub.Echo(Text()).status(), "Echo");
}

TEST_F(InProcessChannelTest, DoesNotKeepTheServer) {
  TestService::Stub used = NewStub();
  TestService::Stub unused = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  ASSERT_TRUE(used.Echo(Text()).ok());
  server_.reset();
  for (TestService::Stub* stub : {&used, &unused}) {
    EXPECT_EQ(stub->Echo(Text()).status(),
              absl::UnavailableError(
                  "the server has shut down (fdrpc.testing.TestService/Echo)"));
  }
}

TEST_F(InProcessChannelTest, AServerThatDrainsEndsCallsInProgress) {
  std::promise<void> begun;
  std::promise<void> end;
  service_.get = [&](ServerContext&, const Text&, Parcel<Files>&) {
    begun.set_value();
    end.get_future().wait();
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  std::promise<absl::Status> ended;
  stub.async().Get(Text(), {}, [&](absl::StatusOr<Parcel<Files>> reply) {
    ended.set_value(reply.status());
  });
  begun.get_future().wait();
  server_->Shutdown();
  // Until the server has noticed, others are served.
  absl::Status other;
  while (other.ok()) other = stub.Echo(Text()).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kUnavailable);
  end.set_value();
  const absl::Status status = ended.get_future().get();
  EXPECT_TRUE(status.ok()) << status;
  server_->Wait();
}

TEST_F(InProcessChannelTest, AThousandCallsFromSeveralThreads) {
  constexpr int kThreads = 8;
  constexpr int kCalls = 125;
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  ASSERT_TRUE(stub.Echo(Text()).ok());
  const DescriptorCensus before = TakeCensus();
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        if (i % 5 == 0) {
          Parcel<Files> request;
          const std::string content = std::to_string(t * kCalls + i);
          request.set_first(FileWith(content));
          absl::StatusOr<Parcel<Files>> reply =
              stub.Exchange(std::move(request));
          ASSERT_TRUE(reply.ok()) << reply.status();
          if (ReadRest(reply->take_first().get()) == content) ++right;
        } else {
          const absl::StatusOr<Text> reply = stub.Echo(TextOf("x", i));
          ASSERT_TRUE(reply.ok()) << reply.status();
          if (reply->number() == i) ++right;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, kThreads * kCalls);
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_F(InProcessChannelTest, ADescriptorArrivesAsTheSameOpenFile) {
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  ASSERT_TRUE(stub.Echo(Text()).ok());
  const DescriptorCensus before = TakeCensus();
  {
    const SharedFd sent(FileWith("0123456789"));
    int handlers = -1;
    service_.put = [&](ServerContext&, Parcel<Files>& request, Text&) {
      const UniqueFd received = request.take_first();
      handlers = received.get();
      EXPECT_NE(received.get(), sent.get());
      EXPECT_TRUE(SameDescription(received.get(), sent.get()));
      EXPECT_TRUE(HasCloseOnExec(received.get()));
      EXPECT_EQ(ReadRest(received.get()), "0123456789");
      return absl::OkStatus();
    };
    Parcel<Files> request;
    request.set_first(sent);
    const absl::StatusOr<Text> reply = stub.Put(std::move(request));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(ReadRest(sent.get()), "") << "the offset is not shared";
    EXPECT_EQ(fcntl(handlers, F_GETFD), -1) << "it was not closed";
  }
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_F(InProcessChannelTest, ClosesDescriptorsThatNobodyTakes) {
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  ASSERT_TRUE(stub.Echo(Text()).ok());
  const DescriptorCensus before = TakeCensus();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(stub.Get(TextOf("x", 5)).ok());
    Parcel<Files> request;
    for (int k = 0; k < 300; ++k) request.add_files(FileWith("y"));
    ASSERT_TRUE(stub.Put(std::move(request)).ok());
  }
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_F(InProcessChannelTest, HoldsTheServersLimits) {
  MakeServer({.max_request_descriptors = 20});
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  Parcel<Files> request;
  for (int i = 0; i < 21; ++i) request.add_files(FileWith("y"));
  EXPECT_EQ(stub.Put(std::move(request)).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(stub.Echo(Text()).ok());
}

TEST_F(InProcessChannelTest, CountsAsAConnection) {
  MakeServer({.max_connections = 1});
  auto first = std::make_unique<TestService::Stub>(NewStub());
  TestService::Stub second = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  ASSERT_TRUE(first->Echo(Text()).ok());
  EXPECT_EQ(second.Echo(Text()).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(first->Echo(Text()).ok());
  first.reset();
  EXPECT_TRUE(second.Echo(Text(), {.wait_for_ready = true}).ok());
}

TEST_F(InProcessChannelTest, AsManyWaitForTheServerAsItServesAtOnce) {
  MakeServer({.max_connections = 1});
  TestService::Stub first = NewStub();
  TestService::Stub second = NewStub();
  std::future<absl::Status> waiting = BeginEcho(first);
  EXPECT_EQ(second.Echo(Text()).status(),
            absl::UnavailableError("the server does not take connections yet "
                                   "(fdrpc.testing.TestService/Echo)"));
  ASSERT_TRUE(server_->Start().ok());
  const absl::Status status = waiting.get();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(InProcessChannelTest, AChildsCallsFailAndTheParentsGoOn) {
  auto stub = std::make_unique<TestService::Stub>(NewStub());
  ASSERT_TRUE(server_->Start().ok());
  ASSERT_TRUE(stub->Echo(Text()).ok());
  EXPECT_EQ(InChild([&] {
              if (stub->Echo(Text()).status().code() !=
                  absl::StatusCode::kFailedPrecondition) {
                return 1;
              }
              // Nor does one work that is made there.
              if (InProcessChannel(*server_).status().code() !=
                  absl::StatusCode::kFailedPrecondition) {
                return 2;
              }
              stub.reset();
              server_.reset();
              return 0;
            }),
            0);
  const absl::StatusOr<Text> reply = stub->Echo(TextOf("on"));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "on");
}

TEST_F(InProcessChannelTest, FailsAtTheLimitOfOpenFiles) {
  {
    OpenFileLimit limit(0);
    EXPECT_EQ(InProcessChannel(*server_).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(server_->Start().ok());
  {
    OpenFileLimit limit(1);
    EXPECT_EQ(stub.Echo(Text()).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
  EXPECT_TRUE(stub.Echo(Text()).ok());
}

TEST_F(InProcessChannelTest, AServerThatNobodyCanReachIsAMisuse) {
  EXPECT_DEATH((void)server_->Start(), "after Listen\\(\\)");
}

}  // namespace
}  // namespace fdrpc::testing
