// What a status that the runtime makes tells its reader: the method, and where
// it was called.
#include <string>

#include "absl/time/time.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::EndsWith;

std::string MessageOf(const absl::Status& status) {
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

class NamedStatusesTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string address() const {
    const std::string scheme = GetParam();
    return scheme.ends_with('@') ? scheme + dir_.path()
                                 : dir_.address("socket", scheme);
  }
  // The end of the text of a call of Echo.
  std::string Place() const {
    return " (fdrpc.testing.TestService/Echo at " + address() + ")";
  }
  void Serve() {
    server_.AddService(service_);
    ASSERT_TRUE(server_.Listen(address()).ok());
    ASSERT_TRUE(server_.Start().ok());
  }
  TestService::Stub Stub(const ChannelOptions& options = {}) {
    const absl::StatusOr<Channel> channel =
        Channel::Connect(address(), options);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return TestService::Stub(*channel);
  }
  bool datagrams() const {
    return std::string(GetParam()).starts_with("unix-dgram:");
  }

  TempDir dir_;
  FakeService service_;
  Server server_;
};

TEST_P(NamedStatusesTest, WithoutAServer) {
  EXPECT_THAT(MessageOf(Stub().Echo(Text()).status()), EndsWith(Place()));
  EXPECT_THAT(MessageOf(Stub()
                            .Echo(Text(), {.timeout = absl::Milliseconds(1),
                                           .wait_for_ready = true})
                            .status()),
              EndsWith(Place()));
  EXPECT_THAT(MessageOf(Stub().Collect().Finish().status()),
              EndsWith("TestService/Collect at " + address() + ")"));
  if (datagrams()) {
    EXPECT_THAT(MessageOf(Stub({.connectionless = true}).Echo(Text()).status()),
                EndsWith(Place()));
  }
}

TEST_P(NamedStatusesTest, BeforeACallIsSent) {
  ASSERT_NO_FATAL_FAILURE(Serve());
  EXPECT_THAT(
      MessageOf(
          Stub().Echo(Text(), {.timeout = absl::ZeroDuration()}).status()),
      EndsWith(Place()));
  EXPECT_THAT(
      MessageOf(
          Stub().Echo(Text(), {.metadata = {{"Not-Lower", ""}}}).status()),
      EndsWith(Place()));
}

TEST_P(NamedStatusesTest, AHandlersStatusIsPassedOnAsItIs) {
  service_.echo = [](ServerContext&, const Text&, Text&) {
    return absl::NotFoundError("why");
  };
  ASSERT_NO_FATAL_FAILURE(Serve());
  EXPECT_EQ(MessageOf(Stub().Echo(Text()).status()), "why");
  if (datagrams()) {
    EXPECT_EQ(MessageOf(Stub({.connectionless = true}).Echo(Text()).status()),
              "why");
  }
}

INSTANTIATE_TEST_SUITE_P(, NamedStatusesTest,
                         ::testing::Values("unix:", "unix:@",
                                           "unix-seqpacket:", "unix-dgram:"));

TEST(NamedStatusesOfPairsTest, ThereIsNoAddress) {
  auto [ours, theirs] = SocketPair();
  const absl::StatusOr<Channel> channel = Channel::FromSocket(std::move(ours));
  ASSERT_TRUE(channel.ok());
  theirs.Reset();
  const std::string message =
      MessageOf(TestService::Stub(*channel).Echo(Text()).status());
  EXPECT_THAT(message, EndsWith(" (fdrpc.testing.TestService/Echo)"));
}

}  // namespace
}  // namespace fdrpc::testing
