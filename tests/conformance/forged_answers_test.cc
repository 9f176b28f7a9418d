// Datagrams to a client that are no answers to its calls (docs/protocol.md,
// "Calls in datagrams"). The call ends once, with the true answer or an error.
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "os/unix_address.h"
#include "tests/conformance/raw_datagrams.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/raw_frame.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// A server of datagrams that the test plays.
class ForgedAnswersTest : public ::testing::Test {
 protected:
  // A call in progress, as the server sees it.
  struct Pending {
    SocketName client;
    uint64_t key = 0;
    uint64_t call = 0;
  };
  Pending ReceiveCall() {
    const RawSocket::Received received = server_.Receive();
    EXPECT_EQ(received.bytes.substr(0, 4), "FDRC");
    Pending pending = {.client = received.from};
    std::memcpy(&pending.key, received.bytes.data() + 8, 8);
    std::memcpy(&pending.call, received.bytes.data() + 16, 8);
    return pending;
  }
  static RawFrame Reply(const std::string& text) {
    return {.type = RawFrame::kStatus,
            .call = 1,
            .flags = RawFrame::kHasMessage,
            .payload = TextOf(text).SerializeAsString()};
  }
  void StartCall() {
    call_ = std::async(std::launch::async, [this] {
      return stub_.Echo(TextOf("hello"), {.timeout = absl::Seconds(60)});
    });
  }
  // After `answer`, whose datagram has these descriptors, the call ends with
  // that.
  absl::Status StatusAfter(
      const std::function<std::string(const Pending&)>& answer,
      const std::vector<int>& fds = {}) {
    StartCall();
    const Pending pending = ReceiveCall();
    EXPECT_EQ(RawSocket().SendTo(pending.client, answer(pending), fds), 0);
    return call_.get().status();
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", "unix-dgram:");
  const RawSocket server_ = RawSocket::Bound(address_);
  UniqueFd file_ = FileWith("x");
  TestService::Stub stub_{
      *Channel::Connect(address_, {.connectionless = true})};
  std::future<absl::StatusOr<Text>> call_;
};

TEST_F(ForgedAnswersTest, StrangersCannotFillTheQueueOrAnswer) {
  StartCall();
  const Pending pending = ReceiveCall();
  const RawSocket stranger = RawSocket::Autobound();
  // The kernel drops them at once, so that there is always room for the next.
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(stranger.SendTo(pending.client, "garbage", {file_.get()}), 0);
    EXPECT_EQ(stranger.SendTo(pending.client, ""), 0);
    EXPECT_EQ(stranger.SendTo(
                  pending.client,
                  AnswerBytes(pending.key + 1, pending.call, Reply("forged")),
                  {file_.get()}),
              0);
  }
  // Who knows the socket's key does not know the call.
  EXPECT_EQ(stranger.SendTo(
                pending.client,
                AnswerBytes(pending.key, pending.call + 1, Reply("forged")),
                {file_.get()}),
            0);
  EXPECT_EQ(
      server_.SendTo(pending.client,
                     AnswerBytes(pending.key, pending.call, Reply("true"))),
      0);
  const absl::StatusOr<Text> reply = call_.get();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "true");
}

TEST_F(ForgedAnswersTest, ASecondOrLateAnswerIsDropped) {
  std::optional<Pending> last;
  for (int i = 0; i < 5; ++i) {
    StartCall();
    const Pending pending = ReceiveCall();
    if (last.has_value()) {
      EXPECT_EQ(
          server_.SendTo(pending.client,
                         AnswerBytes(last->key, last->call, Reply("late")),
                         {file_.get()}),
          0);
    }
    EXPECT_EQ(
        server_.SendTo(pending.client, AnswerBytes(pending.key, pending.call,
                                                   Reply(std::to_string(i)))),
        0);
    const absl::StatusOr<Text> reply = call_.get();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->text(), std::to_string(i));
    last = pending;
  }
}

TEST_F(ForgedAnswersTest, MalformedAnswersFailTheCall) {
  constexpr auto kInternal = absl::StatusCode::kInternal;
  using P = const Pending&;
  EXPECT_EQ(StatusAfter([](P p) {
              return AnswerBytes(p.key, p.call, Reply("x")).substr(0, 24);
            }).code(),
            kInternal);
  EXPECT_EQ(StatusAfter([](P p) {
              return AnswerBytes(p.key, p.call, Reply("x")).substr(0, 41);
            }).code(),
            kInternal);
  EXPECT_EQ(StatusAfter([](P p) {
              return AnswerBytes(p.key, p.call, Reply("x")) +
                     Reply("y").Bytes();
            }).code(),
            kInternal);
  EXPECT_EQ(StatusAfter([](P p) {
              RawFrame other = Reply("x");
              other.call = 2;
              return AnswerBytes(p.key, p.call, other);
            }).code(),
            kInternal);
  for (const uint8_t type : {1, 2, 4, 6, 7, 8, 9, 10, 11, 0x80}) {
    EXPECT_EQ(StatusAfter([&](P p) {
                RawFrame other = Reply("x");
                other.type = type;
                return AnswerBytes(p.key, p.call, other);
              }).code(),
              kInternal);
  }
  EXPECT_EQ(StatusAfter([](P p) {
              return AnswerBytes(p.key, p.call,
                                 {.type = RawFrame::kStatus, .call = 1});
            }).code(),
            kInternal)
      << "OK without a reply";
  EXPECT_EQ(StatusAfter([](P p) {
              RawFrame large = Reply("x");
              large.payload = std::string(70'000, 'x');
              return AnswerBytes(p.key, p.call, large);
            }).code(),
            kInternal);
}

TEST_F(ForgedAnswersTest, DescriptorsThatDoNotBelongToTheAnswerFailTheCall) {
  constexpr auto kInternal = absl::StatusCode::kInternal;
  using P = const Pending&;
  EXPECT_EQ(
      StatusAfter([](P p) { return AnswerBytes(p.key, p.call, Reply("x")); },
                  {file_.get()})
          .code(),
      kInternal);
  RawFrame with = Reply("x");
  with.descriptors = 1;
  EXPECT_EQ(
      StatusAfter([&](P p) { return AnswerBytes(p.key, p.call, with); }).code(),
      kInternal);
  // Its type has none.
  EXPECT_EQ(StatusAfter([&](P p) { return AnswerBytes(p.key, p.call, with); },
                        {file_.get()})
                .code(),
            kInternal);
}

TEST_F(ForgedAnswersTest, AnUnprivilegedClientCallsAndIsKnown) {
  std::atomic<uid_t> user = 0;
  FakeService service;
  Server server;
  service.echo = [&](ServerContext& context, const Text&, Text&) {
    user = context.peer().uid;
    return absl::OkStatus();
  };
  server.AddService(service);
  const std::string abstract =
      "unix-dgram:@fdrpc-test-user-" + std::to_string(getpid());
  // Forked before this process has threads.
  auto [ready, is_ready] = Pipe();
  const pid_t client = Fork([&, &ready = ready] {
    BecomeUnprivileged();
    char byte = 0;
    if (read(ready.get(), &byte, 1) != 1) return 1;
    TestService::Stub stub(
        *Channel::Connect(abstract, {.connectionless = true}));
    if (!stub.Echo(Text()).ok()) return 2;
    Parcel<Files> files;
    files.set_first(FileWith("x"));
    absl::StatusOr<Parcel<Files>> back = stub.Exchange(std::move(files));
    if (!back.ok() || ReadRest(back->take_first().get()) != "x") return 3;
    return static_cast<int>(geteuid() % 100) + 100;
  });
  ASSERT_TRUE(server.Listen(abstract).ok());
  ASSERT_TRUE(server.Start().ok());
  ASSERT_EQ(write(is_ready.get(), "x", 1), 1);
  const int code = ExitCode(client);
  EXPECT_NE(user, 0u);
  EXPECT_EQ(code, static_cast<int>(user % 100) + 100);
}

}  // namespace
}  // namespace fdrpc::testing
