// Where callbacks run: on their loop, and never within the function that they
// are passed to, whose caller may hold locks that they need.

#include <functional>
#include <optional>
#include <utility>

#include "fdrpc/async_client_stream.h"
#include "fdrpc/async_server_stream.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/foreign_loop.h"
#include "tests/support/running_loop.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

// Whether the test's only thread is within a function that takes a callback.
class Passing {
 public:
  // Makes a callback for the function that `pass` passes it to.
  template <typename Pass, typename Then>
  void operator()(Pass pass, Then then) {
    const bool outer = std::exchange(within_, true);
    pass([this, then = std::move(then)](auto&& result) mutable {
      EXPECT_FALSE(within_) << "called within what it was passed to";
      then(std::forward<decltype(result)>(result));
    });
    within_ = outer;
  }

 private:
  bool within_ = false;
};

// Echoes what it reads.
class EchoingChat final : public TestService::AsyncService {
 public:
  explicit EchoingChat(Passing& passing) : passing_(passing) {}

  void Chat(AsyncServerStream<Text, Text> call) override { ReadOne(call); }

 private:
  void ReadOne(AsyncServerStream<Text, Text> call) {
    passing_([&](auto done) { call.Read(std::move(done)); },
             [this, call](std::optional<Text> request) mutable {
               if (!request.has_value()) return call.Finish(absl::OkStatus());
               WriteOne(call, *request);
             });
  }
  void WriteOne(AsyncServerStream<Text, Text> call, const Text& reply) {
    passing_([&](auto done) { call.Write(reply, std::move(done)); },
             [this, call](bool sent) {
               EXPECT_TRUE(sent);
               ReadOne(call);
             });
  }

  Passing& passing_;
};

// The client, the server and the test share one thread, so everything that runs
// within a function runs on its caller's stack.
class CallbacksTest : public ::testing::Test {
 protected:
  void RunUntil(const std::function<bool()>& done) { foreign_.RunUntil(done); }

  TempDir dir_;
  Loop loop_ = NewLoop();
  ForeignLoop foreign_{loop_};
  Passing passing_;
  TestService::Stub stub_{*Channel::Connect(dir_.address(), {.loop = loop_})};
};

TEST_F(CallbacksTest, OfCallsThatFailAtOnceRunLater) {
  int ended = 0;
  int expected = 0;
  for (const CallOptions& options :
       {CallOptions(), CallOptions{.timeout = absl::ZeroDuration()},
        CallOptions{.metadata = {{"Upper", "x"}}}}) {
    passing_([&](auto done) { stub_.async().Echo(Text(), options, done); },
             [&](const absl::StatusOr<Text>& reply) {
               EXPECT_FALSE(reply.ok());
               ++ended;
             });
    auto watch = stub_.async().Watch(Text(), options);
    passing_([&](auto done) { watch.Read(done); },
             [&](const std::optional<Text>& reply) {
               EXPECT_FALSE(reply.has_value());
               ++ended;
             });
    passing_([&](auto done) { watch.Finish(done); },
             [&](const absl::Status& status) {
               EXPECT_FALSE(status.ok());
               ++ended;
             });
    EXPECT_EQ(ended, expected);
    expected += 3;
    RunUntil([&] { return ended == expected; });
  }
}

TEST_F(CallbacksTest, OfMessagesThatAreThereRunLater) {
  EchoingChat service(passing_);
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(dir_.address()).ok());
  ASSERT_TRUE(server.Start(loop_).ok());
  auto chat = stub_.async().Chat();
  int read = 0;
  // What the second and third read find has arrived with the first.
  for (int i = 0; i < 3; ++i) {
    bool written = false;
    passing_([&](auto done) { chat.Write(Text(), done); },
             [&](bool sent) { written = sent; });
    RunUntil([&] { return written; });
  }
  for (int i = 1; i <= 3; ++i) {
    passing_([&](auto done) { chat.Read(done); },
             [&](const std::optional<Text>& reply) {
               EXPECT_TRUE(reply.has_value());
               ++read;
             });
    EXPECT_EQ(read, i - 1);
    RunUntil([&] { return read == i; });
  }
  chat.WritesDone();
  std::optional<absl::Status> end;
  passing_([&](auto done) { chat.Finish(done); },
           [&](const absl::Status& status) { end = status; });
  EXPECT_FALSE(end.has_value());
  RunUntil([&] { return end.has_value(); });
  EXPECT_TRUE(end->ok()) << *end;
}

TEST_F(CallbacksTest, AHalfCloseComesBehindAWriteThatIsPending) {
  EchoingChat service(passing_);
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(dir_.address()).ok());
  ASSERT_TRUE(server.Start(loop_).ok());
  Text text;
  text.set_text("a");
  for (const bool finishes : {false, true}) {
    auto chat = stub_.async().Chat();
    std::optional<bool> written;
    std::optional<std::string> read;
    std::optional<absl::Status> end;
    chat.Write(text, [&](bool sent) { written = sent; });
    chat.Read([&](std::optional<Text> reply) {
      read = reply.has_value() ? reply->text() : "none";
    });
    if (!finishes) chat.WritesDone();
    EXPECT_FALSE(written.has_value());
    RunUntil([&] { return read.has_value(); });
    chat.Finish([&](absl::Status status) { end = std::move(status); });
    RunUntil([&] { return end.has_value(); });
    EXPECT_EQ(written, true);
    EXPECT_EQ(read, "a");
    EXPECT_TRUE(end->ok()) << *end;
  }
  auto chat = stub_.async().Chat();
  std::optional<bool> written;
  std::optional<absl::Status> end;
  chat.Write(text, [&](bool sent) { written = sent; });
  chat.Finish([&](absl::Status status) { end = std::move(status); });
  RunUntil([&] { return end.has_value(); });
  EXPECT_EQ(written, true);
  EXPECT_TRUE(end->ok()) << *end;
}

}  // namespace
}  // namespace fdrpc::testing
