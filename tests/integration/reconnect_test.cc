// Channels whose server is not there, or not there any more.

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/unary_call_fixture.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

using ReconnectTest = UnaryCallFixture;
INSTANTIATE_TEST_SUITE_P(Over, ReconnectTest, kAllSchemes, SchemeName);

TEST_P(ReconnectTest, StopsWaitingForTheServerAtTheDeadline) {
  absl::StatusOr<Text> reply = NewStub().Echo(
      Text(), {.timeout = absl::Milliseconds(5), .wait_for_ready = true});
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(reply.status().message()),
              AllOf(HasSubstr("nobody listens"),
                    HasSubstr(dir_.file("socket") + " does not exist")));
}

TEST_P(ReconnectTest, ReconnectsWhenTheServerComesBack) {
  Serve();
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(stub.Echo(Text()).ok());
  for (int i = 0; i < 20; ++i) {
    StopServer();
    EXPECT_EQ(stub.Echo(Text()).status().code(),
              absl::StatusCode::kUnavailable);
    Serve();
    absl::StatusOr<Text> reply = stub.Echo(Text());
    EXPECT_TRUE(reply.ok()) << reply.status();
  }
}

TEST_P(ReconnectTest, MakesACallWithDescriptorsAgainOnANewConnection) {
  Serve();
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(stub.Echo(Text()).ok());
  StopServer();
  Serve();
  Parcel<Files> request;
  request.set_first(FileWith("content"));
  absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ReadRest(reply->take_first().get()), "content");
}

}  // namespace
}  // namespace fdrpc::testing
