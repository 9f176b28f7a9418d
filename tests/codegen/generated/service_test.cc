// Generated services: each kind of handler, in each of the three forms, called
// by a blocking stub through the table of methods.

#include "fdrpc/service.h"

#include <fcntl.h>

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/direct_caller.h"
#include "tests/codegen/generated/everything_services.h"
#include "tests/codegen/generated/open_descriptors.h"
#include "tests/codegen/protos/services.fdrpc.h"

namespace fdrpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename ServiceType>
class GeneratedServiceTest : public ::testing::Test {
 protected:
  GeneratedServiceTest() {
    caller_->serve_at_once =
        !std::is_base_of_v<Everything::Service, ServiceType>;
  }
  void TearDown() override {
    EXPECT_TRUE(caller_->waits.empty());
    EXPECT_EQ(OpenDescriptors(), before_);
  }

  const std::vector<int> before_ = OpenDescriptors();
  ServiceType service_;
  const std::shared_ptr<DirectCaller> caller_ =
      std::make_shared<DirectCaller>(service_);
  const Everything::Stub stub_{caller_};
};

using Services =
    ::testing::Types<BlockingEverything, AsyncEverything, CoEverything>;
TYPED_TEST_SUITE(GeneratedServiceTest, Services);

TYPED_TEST(GeneratedServiceTest, ServesUnaryCalls) {
  absl::StatusOr<Plain> reply = this->stub_.PlainToPlain(Text("hello"));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "got hello");
}

TYPED_TEST(GeneratedServiceTest, ServesUnaryCallsWithDescriptors) {
  absl::StatusOr<Parcel<WithFd>> reply = this->stub_.ParcelToParcel(File());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->take_file().ok());
}

TYPED_TEST(GeneratedServiceTest, ServesClientStreamingCalls) {
  ClientWriter<Plain, Plain> requests = this->stub_.PlainsToPlain();
  EXPECT_TRUE(requests.Write(Text("a")));
  EXPECT_TRUE(requests.Write(Text("b")));
  EXPECT_TRUE(requests.WriteLast(Text("c")));
  absl::StatusOr<Plain> reply = requests.Finish();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "abc");
}

TYPED_TEST(GeneratedServiceTest, ServesClientStreamingCallsWithDescriptors) {
  auto requests = this->stub_.ParcelsToParcel();
  EXPECT_TRUE(requests.Write(File()));
  EXPECT_TRUE(requests.Write(File()));
  absl::StatusOr<Parcel<WithFd>> reply = requests.Finish();
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ((*reply)->nested_size(), 2);
  EXPECT_TRUE(reply->Take((*reply)->nested(0).file()).ok());
  EXPECT_TRUE(reply->Take((*reply)->nested(1).file()).ok());
}

TYPED_TEST(GeneratedServiceTest, ServesServerStreamingCalls) {
  ClientReader<Plain> replies = this->stub_.PlainToPlains(Text("xyz"));
  std::vector<std::string> texts;
  while (std::optional<Plain> reply = replies.Read()) {
    texts.push_back(reply->text());
  }
  EXPECT_THAT(texts, ElementsAre("x", "y", "z"));
  EXPECT_EQ(replies.Finish(), absl::OkStatus());
}

TYPED_TEST(GeneratedServiceTest, ServesServerStreamingCallsWithDescriptors) {
  auto replies = this->stub_.ParcelToParcels(File());
  std::optional<Parcel<WithFd>> reply = replies.Read();
  ASSERT_TRUE(reply.has_value());
  EXPECT_TRUE(reply->take_file().ok());
  EXPECT_FALSE(replies.Read().has_value());
  EXPECT_EQ(replies.Finish(), absl::OkStatus());
}

TYPED_TEST(GeneratedServiceTest, ServesBidirectionalCalls) {
  ClientStream<Plain, Plain> stream = this->stub_.PlainsToPlains();
  EXPECT_TRUE(stream.Write(Text("a")));
  EXPECT_TRUE(stream.Write(Text("b")));
  stream.WritesDone();
  std::vector<std::string> texts;
  while (std::optional<Plain> reply = stream.Read()) {
    texts.push_back(reply->text());
  }
  EXPECT_THAT(texts, ElementsAre("got a", "got b"));
  EXPECT_EQ(stream.Finish(), TheEnd());
}

TYPED_TEST(GeneratedServiceTest, ServesBidirectionalCallsWithDescriptors) {
  auto stream = this->stub_.ParcelsToParcels();
  EXPECT_TRUE(stream.Write(File()));
  EXPECT_TRUE(stream.WriteLast(File()));
  EXPECT_TRUE(stream.Read().value_or(Parcel<WithFd>()).take_file().ok());
  EXPECT_TRUE(stream.Read().value_or(Parcel<WithFd>()).take_file().ok());
  EXPECT_FALSE(stream.Read().has_value());
  EXPECT_EQ(stream.Finish(), TheEnd());
}

TYPED_TEST(GeneratedServiceTest, ClosesWhatNobodyTakes) {
  auto replies = this->stub_.ParcelToParcels(File());
  EXPECT_EQ(replies.Finish(), absl::OkStatus());
  EXPECT_TRUE(this->stub_.ParcelToParcel(File()).ok());
}

TYPED_TEST(GeneratedServiceTest, FailsACallWhoseRequestMissesADescriptor) {
  Parcel<WithFd> request;
  request->mutable_file();
  const absl::Status status =
      this->stub_.ParcelToParcel(std::move(request)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("fdrpc.test.services.WithFd.file"));
}

// Services that override nothing.
template <typename ServiceType>
class DefaultServiceTest : public ::testing::Test {};

using Defaults = ::testing::Types<Everything::Service, Everything::AsyncService,
                                  Everything::CoService>;
TYPED_TEST_SUITE(DefaultServiceTest, Defaults);

TYPED_TEST(DefaultServiceTest, AnswersEveryMethodWithUnimplemented) {
  TypeParam service;
  for (const internal::MethodHandler& handler : service.method_handlers()) {
    const Method& method = *handler.method;
    WaitList waits;
    auto client = std::make_shared<DirectClientCall>(method, waits, nullptr);
    // Empty, except for an fdrpc.Fd, which cannot be empty.
    client->requests.emplace_back();
    if (method.full_name == "fdrpc.test.services.Everything/FdToFd") {
      Parcel<Fd> request;
      request.set_fd(OpenFile());
      client->requests.front() = *WireMessage::Of(request);
    }
    handler.serve(service,
                  std::make_shared<DirectServerCall>(method, waits, client));
    EXPECT_EQ(client->status(),
              absl::UnimplementedError(std::string(method.full_name) +
                                       " is not implemented"));
    EXPECT_THAT(client->replies, IsEmpty());
    EXPECT_TRUE(waits.empty());
  }
}

TYPED_TEST(DefaultServiceTest, ListsItsMethodsInTheOrderOfTheFile) {
  TypeParam service;
  EXPECT_EQ(service.full_name(), "fdrpc.test.services.Everything");
  const auto* file = Plain::descriptor()->file();
  const auto* descriptor = file->FindServiceByName("Everything");
  ASSERT_EQ(service.method_handlers().size(), descriptor->method_count());
  for (int i = 0; i < descriptor->method_count(); ++i) {
    const auto& expected = *descriptor->method(i);
    const Method& method = *service.method_handlers()[i].method;
    EXPECT_EQ(method.full_name,
              "fdrpc.test.services.Everything/" + std::string(expected.name()));
    const bool up = expected.client_streaming();
    const bool down = expected.server_streaming();
    EXPECT_EQ(method.kind, up && down ? MethodKind::kBidirectional
                           : up       ? MethodKind::kClientStreaming
                           : down     ? MethodKind::kServerStreaming
                                      : MethodKind::kUnary);
  }
}

TEST(GeneratedServices, HaveOneConstantForAMethodInAllForms) {
  Everything::Service blocking;
  Everything::AsyncService async;
  Everything::CoService co;
  for (size_t i = 0; i < blocking.method_handlers().size(); ++i) {
    const Method* method = blocking.method_handlers()[i].method;
    EXPECT_EQ(async.method_handlers()[i].method, method);
    EXPECT_EQ(co.method_handlers()[i].method, method);
  }
}

TEST(GeneratedServices, MayHaveNoMethods) {
  using test::services::Nothing;
  EXPECT_EQ(Nothing::Service().full_name(), "fdrpc.test.services.Nothing");
  EXPECT_THAT(Nothing::Service().method_handlers(), IsEmpty());
  EXPECT_THAT(Nothing::AsyncService().method_handlers(), IsEmpty());
  EXPECT_THAT(Nothing::CoService().method_handlers(), IsEmpty());
}

}  // namespace
}  // namespace fdrpc
