// Calls that end while something else of theirs is under way.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fdrpc/grpc/channel.h"
#include "fdrpc/server.h"
#include "tests/grpc/served_over_grpc.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// Some of them are about to be passed on when the drain timeout has passed.
TEST(EndsMeanwhile, CallsThatBeginWhileTheServerEnds) {
  for (int round = 0; round < 20; ++round) {
    FakeService service;
    Server server;
    server.AddService(service);
    ServedOverGrpc over_grpc(server);
    ASSERT_TRUE(server.Start().ok());
    std::atomic<int> succeeded = 0;
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back([&, i] {
        TestService::Stub stub(grpc::Channel(over_grpc.channel()));
        absl::Status status;
        while (status.ok()) {
          if (i % 2 == 0) {
            status = stub.Echo(TextOf("x")).status();
          } else {
            auto chat = stub.Chat();
            chat.WritesDone();
            status = chat.Finish();
          }
          if (status.ok()) ++succeeded;
        }
        EXPECT_TRUE(absl::IsUnavailable(status) || absl::IsCancelled(status))
            << status;
      });
    }
    while (succeeded < 8) std::this_thread::yield();
    EXPECT_EQ(over_grpc.Shutdown(absl::ZeroDuration()), absl::OkStatus());
    for (std::thread& client : clients) client.join();
  }
}

// The callback runs, and releases the call, before the call has noted who waits
// for it.
TEST(EndsMeanwhile, ACallThatFailsAtOnceForACallback) {
  const grpc::Channel channel(::grpc::CreateChannel(
      "unix:/nobody/listens/here", ::grpc::InsecureChannelCredentials()));
  TestService::Stub stub(channel);
  EXPECT_TRUE(absl::IsUnavailable(stub.Echo(TextOf("x")).status()));
  for (int i = 0; i < 500; ++i) {
    std::promise<absl::Status> status;
    stub.async().Echo(TextOf("x"), {},
                      [&status](const absl::StatusOr<Text>& reply) {
                        status.set_value(reply.status());
                      });
    EXPECT_TRUE(absl::IsUnavailable(status.get_future().get()));
  }
}

// More than gRPC takes at once: they arrive all, in their order, before the
// half-close, also if nobody waits for room.
TEST(EndsMeanwhile, MessagesThatWaitForTheNetworkAreSentBeforeTheHalfClose) {
  FakeService service;
  service.collect = [](ServerContext&, ServerReader<Text>& reader,
                       Text& reply) {
    int64_t next = 0;
    while (const std::optional<Text> text = reader.Read()) {
      if (text->number() != next++) {
        return absl::DataLossError("a message has not arrived in its order");
      }
    }
    reply.set_number(next);
    return absl::OkStatus();
  };
  Server server;
  server.AddService(service);
  ServedOverGrpc over_grpc(server);
  ASSERT_TRUE(server.Start().ok());
  TestService::Stub stub(grpc::Channel(over_grpc.channel()));
  for (const size_t bytes : {size_t{0}, size_t{1000}, size_t{100'000}}) {
    auto collect = stub.Collect();
    constexpr int64_t kMessages = 1000;
    for (int64_t i = 0; i < kMessages; ++i) {
      Text text = TextOf("x", i);
      text.set_data(std::string(bytes, 'y'));
      ASSERT_TRUE(collect.Write(text));
    }
    const absl::StatusOr<Text> reply = collect.Finish();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->number(), kMessages);
  }
}

}  // namespace
}  // namespace fdrpc::testing
