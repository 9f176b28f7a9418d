// Descriptors in unary calls over real sockets, within one process.

#include <unistd.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/unary_call_fixture.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

using UnaryDescriptorsTest = UnaryCallFixture;
INSTANTIATE_TEST_SUITE_P(Over, UnaryDescriptorsTest, kAllSchemes, SchemeName);

TEST_P(UnaryDescriptorsTest, HandsOverTheSameOpenFile) {
  Serve();
  TestService::Stub stub = NewStub();
  UniqueFd file = FileWith("0123456789");
  SharedFd shared(std::move(file));
  Parcel<Files> request;
  request.set_first(shared);
  absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.status();
  UniqueFd received = reply->take_first();
  ASSERT_TRUE(received.ok());
  EXPECT_NE(received.get(), shared.get());
  EXPECT_TRUE(SameDescription(received.get(), shared.get()));
  EXPECT_TRUE(HasCloseOnExec(received.get()));
  EXPECT_EQ(ReadRest(received.get()), "0123456789");
  EXPECT_EQ(ReadRest(shared.get()), "");
  EXPECT_FALSE(reply->take_first().ok()) << "a descriptor is taken once";
}

TEST_P(UnaryDescriptorsTest, ClosesDescriptorsThatNobodyTakes) {
  Serve();
  TestService::Stub stub = NewStub();
  // Without descriptors, which the server may close a moment later.
  ASSERT_TRUE(stub.Echo(Text()).ok());
  const DescriptorCensus before = TakeCensus();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(stub.Get(TextOf("x", 5)).ok());
    Parcel<Files> request;
    request.add_files(FileWith("y"));
    ASSERT_TRUE(stub.Put(std::move(request)).ok());
  }
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_P(UnaryDescriptorsTest, CarriesMoreDescriptorsThanOneSendTakes) {
  Serve();
  TestService::Stub stub = NewStub();
  for (int count : {1, 2, 3, 252, 253, 254, 300, 800}) {
    Parcel<Files> request;
    for (int i = 0; i < count; ++i) {
      request.add_files(FileWith(std::to_string(i)));
    }
    absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
    ASSERT_TRUE(reply.ok()) << count << ": " << reply.status();
    ASSERT_EQ(reply->files_size(), count);
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(ReadRest(reply->take_files(i).get()), std::to_string(i));
    }
  }
}

TEST_P(UnaryDescriptorsTest, RefusesMoreDescriptorsThanTheServerTakes) {
  Serve({.max_request_descriptors = 20});
  TestService::Stub stub = NewStub();
  Parcel<Files> request;
  for (int i = 0; i < 21; ++i) request.add_files(FileWith("x"));
  absl::StatusOr<Text> reply = stub.Put(std::move(request));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kResourceExhausted)
      << reply.status();
  EXPECT_TRUE(stub.Echo(TextOf("still alive")).ok());
}

TEST_P(UnaryDescriptorsTest, ADescriptorThatIsNotOpenFailsOnlyItsCall) {
  Serve();
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(stub.Echo(Text()).ok());
  Parcel<Files> request;
  request.set_first(UniqueFd(FileWith("x").Release()));
  close(request.first());
  absl::StatusOr<Text> reply = stub.Put(std::move(request));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kInvalidArgument)
      << reply.status();
  EXPECT_TRUE(stub.Echo(Text()).ok());
}

TEST_P(UnaryDescriptorsTest,
       AFieldWithoutADescriptorFailsBeforeAnythingIsSent) {
  Serve();
  TestService::Stub stub = NewStub();
  Parcel<Files> request;
  request->mutable_first();
  absl::Status status = stub.Put(std::move(request)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("fdrpc.testing.Files.first"));
}

TEST_P(UnaryDescriptorsTest,
       TenThousandCallsWithDescriptorsBothWaysLeaveNoneOpen) {
  Serve();
  TestService::Stub stub = NewStub();
  ASSERT_TRUE(stub.Echo(Text()).ok());
  const DescriptorCensus before = TakeCensus();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2500; ++i) {
        Parcel<Files> request;
        request.add_files(FileWith("a"));
        request.set_first(FileWith("b"));
        absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
        ASSERT_TRUE(reply.ok()) << reply.status();
        ASSERT_EQ(reply->files_size(), 1);
        ASSERT_TRUE(reply->has_first());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

}  // namespace
}  // namespace fdrpc::testing
