// Services that travel in messages: fdrpc.Fd fields with the rule `service`.

#include <sys/socket.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/alarm.h"
#include "fdrpc/channel.h"
#include "fdrpc/offered_services.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calls/link.h"
#include "tests/peer/carried.fdrpc.h"
#include "tests/peer/counter_services.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/running_loop.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using carried::Answer;
using carried::Counter;
using carried::Exchange;
using carried::Given;
using carried::Many;
using carried::Opened;
using carried::Request;
using ::testing::HasSubstr;

absl::StatusOr<int64_t> Next(Counter::Stub& counter, int64_t by = 1) {
  Request request;
  request.set_count(by);
  absl::StatusOr<Answer> answer = counter.Next(request);
  if (!answer.ok()) return answer.status();
  return answer->value();
}

class CarriedServicesTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  // The process's loop stays.
  static void SetUpTestSuite() { ASSERT_TRUE(Alarm::Create().ok()); }

  void Serve(ServerOptions options = {}) {
    server_ = std::make_unique<Server>(options);
    opener_ = std::make_unique<Opener>(*server_);
    server_->AddService(*opener_);
    link_ = std::make_unique<Link>(GetParam(), *server_);
    ASSERT_TRUE(server_->AwaitConnections().ok());
    ASSERT_TRUE(link_->Open().ok());
    if (loop_ != nullptr) {
      ASSERT_TRUE(server_->Start(loop_->loop()).ok());
    } else {
      ASSERT_TRUE(server_->Start().ok());
    }
    absl::StatusOr<Channel> channel = link_->NewChannel();
    ASSERT_TRUE(channel.ok());
    stub_.emplace(*channel);
  }
  Counter::Stub Open() {
    absl::StatusOr<Parcel<Opened>> reply = stub_->Open(Request());
    EXPECT_TRUE(reply.ok()) << reply.status();
    absl::StatusOr<Counter::Stub> counter = reply->take_counter();
    EXPECT_TRUE(counter.ok()) << counter.status();
    return *std::move(counter);
  }
  static Request Count(int64_t count) {
    Request request;
    request.set_count(count);
    return request;
  }

  ExpectSameDescriptors census_;
  std::unique_ptr<RunningLoop> loop_;
  std::unique_ptr<Opener> opener_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Link> link_;
  std::optional<Exchange::Stub> stub_;
};
INSTANTIATE_TEST_SUITE_P(Over, CarriedServicesTest,
                         ::testing::ValuesIn(Link::kAll),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(CarriedServicesTest, AReceiverCallsWhatItIsGiven) {
  Serve();
  {
    Counter::Stub first = Open();
    Counter::Stub second = Open();
    EXPECT_EQ(*Next(first), 1);
    EXPECT_EQ(*Next(first), 2);
    EXPECT_EQ(*Next(second), 1) << "each has a state of its own";
    EXPECT_EQ(opener_->living.count(), 2);
  }
  // Nobody holds them any more.
  opener_->living.Await(0);
}

TEST_P(CarriedServicesTest, AServiceServesInEachForm) {
  Serve();
  auto pair = [this](std::shared_ptr<Service> service) {
    Parcel<Opened> parcel;
    EXPECT_TRUE(parcel.serve_counter(*server_, std::move(service)).ok());
    return *parcel.take_counter();
  };
  Counter::Stub async = pair(std::make_shared<AsyncCounter>());
  EXPECT_EQ(*Next(async, 3), 3);
  Counter::Stub co = pair(std::make_shared<CoCounter>());
  EXPECT_EQ(*Next(co, 4), 4);
}

TEST_P(CarriedServicesTest, AServerInALoopServesThem) {
  loop_ = std::make_unique<RunningLoop>();
  Serve();
  {
    Counter::Stub counter = Open();
    EXPECT_EQ(*Next(counter), 1);
  }
  opener_->living.Await(0);
  stub_.reset();
  server_.reset();
}

TEST_P(CarriedServicesTest, TheReceiverCallsInEachForm) {
  Serve();
  absl::StatusOr<Parcel<Opened>> reply = stub_->Open(Request());
  ASSERT_TRUE(reply.ok());
  RunningLoop loop;
  std::thread::id ran;
  std::promise<int64_t> value;
  {
    absl::StatusOr<Counter::Stub> counter =
        reply->take_counter({.loop = loop.loop()});
    ASSERT_TRUE(counter.ok());
    counter->async().Next(Count(5), {}, [&](absl::StatusOr<Answer> answer) {
      ran = std::this_thread::get_id();
      value.set_value(answer.ok() ? answer->value() : -1);
    });
    EXPECT_EQ(value.get_future().get(), 5);
    EXPECT_EQ(ran, loop.thread());
  }
  opener_->living.Await(0);
}

TEST_P(CarriedServicesTest, AClientGivesAServiceToTheServer) {
  Serve();
  OfferedServices own({});
  auto test = std::make_shared<FakeService>();
  test->echo = [](ServerContext&, const Text& request, Text& reply) {
    reply = TextOf("client got " + request.text());
    return absl::OkStatus();
  };
  Parcel<Given> request;
  ASSERT_TRUE(request.serve_test(own.server(), test).ok());
  const absl::StatusOr<Answer> answer = stub_->Call(std::move(request));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->text(), "client got to the client");
}

TEST_P(CarriedServicesTest, WhatIsReceivedIsPassedOn) {
  Serve();
  absl::StatusOr<Parcel<Opened>> opened = stub_->Open(Request());
  ASSERT_TRUE(opened.ok());
  UniqueFd socket = opened->take_counter_socket();
  for (int i = 0; i < 5; ++i) {
    Parcel<Given> request;
    request.set_counter(std::move(socket));
    absl::StatusOr<Parcel<Opened>> back = stub_->PassOn(std::move(request));
    ASSERT_TRUE(back.ok()) << back.status();
    socket = back->take_counter_socket();
  }
  Parcel<Opened> last;
  last.set_counter(std::move(socket));
  {
    absl::StatusOr<Counter::Stub> counter = last.take_counter();
    ASSERT_TRUE(counter.ok());
    EXPECT_EQ(*Next(*counter), 1);
  }
  opener_->living.Await(0);
}

TEST_P(CarriedServicesTest, WhatNobodyTakesEnds) {
  Serve();
  ASSERT_TRUE(stub_->Open(Request()).ok());
  opener_->living.Await(0);
  {
    Parcel<Opened> never_sent;
    ASSERT_TRUE(never_sent
                    .serve_counter(
                        *server_, std::make_shared<OwnCounter>(opener_->living))
                    .ok());
    EXPECT_EQ(opener_->living.count(), 1);
  }
  opener_->living.Await(0);
}

TEST_P(CarriedServicesTest, RepeatedOnesAndThoseOfAMap) {
  Serve();
  {
    absl::StatusOr<Parcel<Many>> many = stub_->OpenMany(Count(3));
    ASSERT_TRUE(many.ok()) << many.status();
    ASSERT_EQ(many->counters_size(), 3);
    for (int i = 0; i < 3; ++i) {
      absl::StatusOr<Counter::Stub> counter = many->take_counters(i);
      ASSERT_TRUE(counter.ok()) << counter.status();
      EXPECT_EQ(*Next(*counter), 1);
      EXPECT_EQ(many->take_counters(i).status().code(),
                absl::StatusCode::kInvalidArgument);
    }
    absl::StatusOr<Counter::Stub> counter = many->take_by_name("number 2");
    ASSERT_TRUE(counter.ok()) << counter.status();
    EXPECT_EQ(*Next(*counter), 1);
    const absl::Status none = many->take_by_name("number 3").status();
    EXPECT_EQ(none.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(none.message()), HasSubstr("by_name"));
  }
  opener_->living.Await(0);
}

TEST_P(CarriedServicesTest, AnotherServiceIsRefusedBeforeItIsServed) {
  Serve();
  Parcel<Opened> parcel;
  const absl::Status other =
      parcel.serve_counter(*server_, std::make_shared<FakeService>());
  EXPECT_EQ(other.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(other.message()),
              HasSubstr("carries fdrpc.carried.Counter, not "
                        "fdrpc.testing.TestService"));
  EXPECT_EQ(parcel.serve_counter(*server_, nullptr).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(parcel.has_counter());
}

TEST_P(CarriedServicesTest, AWrongTypeIsUnimplementedAtTheFirstCall) {
  Serve();
  absl::StatusOr<Parcel<Opened>> opened = stub_->Open(Request());
  ASSERT_TRUE(opened.ok());
  Parcel<Given> wrong;
  wrong.set_test(opened->take_counter_socket());
  absl::StatusOr<TestService::Stub> test = wrong.take_test();
  ASSERT_TRUE(test.ok());
  const absl::Status status = test->Echo(Text()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("fdrpc.testing.TestService/Echo"));
}

TEST_P(CarriedServicesTest, SomethingElseThanASocketIsRefused) {
  Serve();
  Parcel<Given> request;
  request.set_test(FileWith("no socket"));
  const absl::Status status = stub_->Call(std::move(request)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("fdrpc.carried.Given.test"));
}

TEST_P(CarriedServicesTest, TheEndOfTheServerEndsCallsOfThem) {
  Serve();
  Counter::Stub counter = Open();
  EXPECT_EQ(*Next(counter), 1);
  stub_.reset();
  server_->Shutdown();
  server_->Wait();
  server_.reset();
  EXPECT_EQ(opener_->living.count(), 0);
  const absl::Status status = Next(counter).status();
  EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsFailedPrecondition(status))
      << status;
}

TEST_P(CarriedServicesTest, AServiceOutlivesTheChannelThatBroughtIt) {
  Serve();
  Counter::Stub counter = Open();
  stub_.reset();
  EXPECT_EQ(*Next(counter), 1);
}

TEST_P(CarriedServicesTest, BeyondTheLimitOfConnectionsTheFirstCallFails) {
  Serve({.max_connections = 8, .max_connections_per_user = 8});
  std::vector<Counter::Stub> counters;
  absl::Status refused;
  for (int i = 0; i < 8 && refused.ok(); ++i) {
    counters.push_back(Open());
    refused = Next(counters.back()).status();
  }
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  counters.clear();
  opener_->living.Await(0);
  Counter::Stub counter = Open();
  EXPECT_EQ(*Next(counter), 1);
}

TEST_P(CarriedServicesTest, TenThousandLeaveNothing) {
  Serve();
  auto all = stub_->OpenAll(Count(10'000));
  int64_t calls = 0;
  while (std::optional<Parcel<Opened>> opened = all.Read()) {
    if ((*opened)->number() % 10 != 0) continue;  // nobody takes it
    absl::StatusOr<Counter::Stub> counter = opened->take_counter();
    ASSERT_TRUE(counter.ok()) << counter.status();
    calls += *Next(*counter);
  }
  const absl::Status status = all.Finish();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(calls, 1000);
  opener_->living.Await(0);
}

}  // namespace
}  // namespace fdrpc::testing
