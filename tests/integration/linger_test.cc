// Messages that may linger: they are sent together, and never too late.

#include <gtest/gtest.h>

#include <cstddef>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "tests/integration/unary_call_fixture.h"
#include "tests/support/fault_injection.h"
#include "tests/support/forced_rings.h"
#include "tests/support/raw_peer.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

constexpr WriteOptions kLingers = {.may_linger = true};
constexpr int kLingering = 100;

// Counts the sends of the calling thread.
class SentByThisThread {
 public:
  SentByThisThread()
      : faults_([this, own = std::this_thread::get_id()](std::string_view name,
                                                         size_t) {
          if (name == "sendmsg" && std::this_thread::get_id() == own) ++sent_;
          return FaultInjection::Fault();
        }) {}
  int count() const { return sent_; }

 private:
  int sent_ = 0;
  FaultInjection faults_;
};

using LingerTest = UnaryCallFixture;
INSTANTIATE_TEST_SUITE_P(Over, LingerTest, kAllSchemes, SchemeName);

TEST_P(LingerTest, RequestsGoTogetherAndInOrder) {
  if (RingsAreForced()) {
    GTEST_SKIP() << "a message sent in a ring needs no system call";
  }
  std::vector<int64_t> numbers;
  service_.collect = [&](ServerContext&, ServerReader<Text>& reader,
                         Text& reply) {
    while (std::optional<Text> text = reader.Read()) {
      numbers.push_back(text->number());
    }
    reply.set_number(static_cast<int64_t>(numbers.size()));
    return absl::OkStatus();
  };
  Serve();
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(stub.Echo(Text()).ok());
  ClientWriter<Text, Text> writer = stub.Collect();
  {
    const SentByThisThread sent;
    for (int i = 0; i < kLingering; ++i) {
      ASSERT_TRUE(writer.Write(Numbered(i), kLingers));
    }
    EXPECT_EQ(sent.count(), 0);
    const absl::StatusOr<Text> reply = writer.Finish();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->number(), kLingering);
    EXPECT_EQ(sent.count(), 1);
  }
  for (int i = 0; i < kLingering; ++i) EXPECT_EQ(numbers.at(i), i);
}

TEST_P(LingerTest, AMessageThatMayNotTakesTheOthersAlong) {
  Serve();
  TestService::Stub stub = NewStub();
  ClientStream<Text, Text> chat = stub.Chat();
  for (int i = 0; i < kLingering; ++i) {
    ASSERT_TRUE(chat.Write(Numbered(2 * i), kLingers));
    ASSERT_TRUE(chat.Write(Numbered(2 * i + 1)));
    // Both are answered, so both have been sent.
    EXPECT_EQ(chat.Read().value().number(), 2 * i);
    EXPECT_EQ(chat.Read().value().number(), 2 * i + 1);
  }
  EXPECT_TRUE(chat.Finish().ok());
}

TEST_P(LingerTest, WhoWaitsSendsFirst) {
  Serve();
  TestService::Stub stub = NewStub();
  ClientStream<Text, Text> chat = stub.Chat();
  for (int i = 0; i < kLingering; ++i) {
    ASSERT_TRUE(chat.Write(Numbered(i), kLingers));
    EXPECT_EQ(chat.Read().value().number(), i);
  }
  EXPECT_TRUE(chat.Finish().ok());
}

TEST_P(LingerTest, MuchIsSentThoughItMayLinger) {
  if (RingsAreForced()) {
    GTEST_SKIP() << "a message sent in a ring needs no system call";
  }
  Serve();
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(stub.Echo(Text()).ok());
  ClientStream<Text, Text> chat = stub.Chat();
  Text large;
  large.set_data(std::string(4000, 'x'));
  const SentByThisThread sent;
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(chat.Write(large, kLingers));
  EXPECT_GE(sent.count(), 1);
  EXPECT_LE(sent.count(), 2);
  chat.Cancel();
}

TEST_P(LingerTest, AServersRepliesGoWhenItWaitsAndWhenItEnds) {
  service_.chat = [](ServerContext&, ServerStream<Text, Text>& stream) {
    while (std::optional<Text> text = stream.Read()) {
      if (!stream.Write(*text, kLingers)) break;
    }
    for (int i = 0; i < kLingering; ++i) {
      if (!stream.Write(Numbered(i), kLingers)) break;
    }
    return absl::OkStatus();
  };
  Serve();
  TestService::Stub stub = NewStub();
  ClientStream<Text, Text> chat = stub.Chat();
  for (int i = 0; i < kLingering; ++i) {
    ASSERT_TRUE(chat.Write(Numbered(i)));
    EXPECT_EQ(chat.Read().value().number(), i);
  }
  chat.WritesDone();
  for (int i = 0; i < kLingering; ++i) {
    EXPECT_EQ(chat.Read().value().number(), i);
  }
  EXPECT_TRUE(chat.Finish().ok());
}

}  // namespace
}  // namespace fdrpc::testing
