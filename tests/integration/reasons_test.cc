// What a status says about why there is no connection, or none any more.

#include <sys/socket.h>

#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/alarm.h"
#include "fdrpc/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/unix_address.h"
#include "tests/integration/unary_call_fixture.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class ReasonsTest : public UnaryCallFixture {
 protected:
  // The process's loop stays, and does not count as a descriptor that a test
  // leaves open.
  static void SetUpTestSuite() { ASSERT_TRUE(Alarm::Create().ok()); }

  // The status of a call, in each form.
  std::vector<absl::Status> CallInEveryForm(const CallOptions& options = {}) {
    std::vector<absl::Status> ends;
    ends.push_back(NewStub().Echo(Text(), options).status());
    std::promise<absl::Status> told;
    NewStub().async().Echo(Text(), options, [&](absl::StatusOr<Text> reply) {
      told.set_value(reply.status());
    });
    ends.push_back(told.get_future().get());
    ends.push_back(BlockOn(AwaitEcho(NewStub(), options)));
    auto watch = NewStub().Watch(Text(), options);
    ends.push_back(watch.Finish());
    std::promise<absl::Status> watched;
    auto handle = NewStub().async().Watch(Text(), options);
    handle.Finish([&](absl::Status end) { watched.set_value(std::move(end)); });
    ends.push_back(watched.get_future().get());
    return ends;
  }
  static Task<absl::Status> AwaitEcho(TestService::Stub stub,
                                      CallOptions options) {
    absl::StatusOr<Text> reply = co_await stub.co().Echo(Text(), options);
    co_return reply.status();
  }
  // A listening socket of a program with an unknown protocol.
  UniqueFd Stranger() {
    const UnixAddress address = *UnixAddress::Parse(address_);
    UniqueFd fd(socket(AF_UNIX, address.type() | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(fd.get(), address.socket_address(), address.length()), 0);
    if (address.type() != SOCK_DGRAM) {
      EXPECT_EQ(listen(fd.get(), 10), 0);
    }
    return fd;
  }
};
INSTANTIATE_TEST_SUITE_P(Over, ReasonsTest, kAllSchemes, SchemeName);

TEST_P(ReasonsTest, AServerThatIsFullSaysWhichLimitItIs) {
  Serve({.max_connections = 1});
  TestService::Stub holds = NewStub();
  ASSERT_TRUE(holds.Echo(Text()).ok());
  for (int i = 0; i < 20; ++i) {
    for (const absl::Status& end : CallInEveryForm()) {
      EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable) << end;
      EXPECT_THAT(std::string(end.message()), HasSubstr("connections"));
    }
  }
  for (const absl::Status& end : CallInEveryForm(
           {.timeout = absl::Milliseconds(100), .wait_for_ready = true})) {
    EXPECT_EQ(end.code(), absl::StatusCode::kDeadlineExceeded) << end;
    EXPECT_THAT(std::string(end.message()), HasSubstr("connections"));
  }
}

TEST_P(ReasonsTest, AServerThatIsFullSaysSoToEachThreadOfAChannel) {
  Serve({.max_connections = 1});
  TestService::Stub holds = NewStub();
  ASSERT_TRUE(holds.Echo(Text()).ok());
  TestService::Stub shared = NewStub();
  const auto expect_reason = [](const absl::Status& end) {
    EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable) << end;
    EXPECT_THAT(std::string(end.message()), HasSubstr("connections"));
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 25; ++round) {
        std::promise<absl::Status> told;
        shared.async().Echo(Text(), {}, [&](absl::StatusOr<Text> reply) {
          told.set_value(reply.status());
        });
        expect_reason(shared.Echo(Text()).status());
        auto collect = shared.Collect();
        collect.Write(Text());
        expect_reason(collect.Finish().status());
        expect_reason(told.get_future().get());
      }
    });
  }
}

TEST_P(ReasonsTest, APeerThatNeverSaysHelloIsNamedAsSuch) {
  const UniqueFd silent = Stranger();
  for (const absl::Status& end :
       CallInEveryForm({.timeout = absl::Milliseconds(20)})) {
    EXPECT_EQ(end.code(), absl::StatusCode::kDeadlineExceeded) << end;
    EXPECT_THAT(std::string(end.message()), HasSubstr("not said hello"));
  }
  EXPECT_THAT(std::string(Channel::Connect(address_)
                              ->WaitForReady(absl::Milliseconds(20))
                              .message()),
              HasSubstr("hello has not come"));
}

TEST_P(ReasonsTest, APeerThatSpeaksSomethingElseIsNamedAsSuch) {
  if (UnixAddress::Parse(address_)->type() == SOCK_DGRAM) {
    GTEST_SKIP() << "what comes through a door is ours alone";
  }
  const UniqueFd listener = Stranger();
  constexpr std::string_view kAnswer = "HTTP/1.1 400 Bad Request\r\n\r\n";
  constexpr int kCalls = 5;
  std::jthread answers([&] {
    for (int i = 0; i < kCalls; ++i) {
      const UniqueFd client(accept(listener.get(), nullptr, nullptr));
      char request[100];
      EXPECT_GT(recv(client.get(), request, sizeof(request), 0), 0);
      EXPECT_EQ(send(client.get(), kAnswer.data(), kAnswer.size(), 0),
                static_cast<ssize_t>(kAnswer.size()));
      while (recv(client.get(), request, sizeof(request), 0) > 0) {
      }
    }
  });
  for (const absl::Status& end : CallInEveryForm()) {
    EXPECT_EQ(end.code(), absl::StatusCode::kInternal) << end;
    EXPECT_THAT(std::string(end.message()), HasSubstr("does not speak fdrpc"));
  }
}

TEST_P(ReasonsTest, AnUnknownMethodIsNamed) {
  Server server;
  ASSERT_TRUE(server.Listen(address_).ok());
  ASSERT_TRUE(server.Start().ok());
  const std::vector<absl::Status> ends = CallInEveryForm();
  const char* const methods[] = {"Echo", "Echo", "Echo", "Watch", "Watch"};
  for (size_t i = 0; i < ends.size(); ++i) {
    EXPECT_EQ(ends[i].code(), absl::StatusCode::kUnimplemented) << ends[i];
    EXPECT_THAT(
        std::string(ends[i].message()),
        HasSubstr(std::string("fdrpc.testing.TestService/") + methods[i]));
  }
}

}  // namespace
}  // namespace fdrpc::testing
