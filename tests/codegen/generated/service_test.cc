// Generated stubs and services at work, with the runtime between them replaced
// by a double that hands calls straight over.

#include "fdrpc/service.h"

#include <fcntl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/stub.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/open_descriptors.h"
#include "tests/codegen/protos/keywords.fdrpc.h"
#include "tests/codegen/protos/no_package.fdrpc.h"
#include "tests/codegen/protos/our_names.fdrpc.h"
#include "tests/codegen/protos/package_absl.fdrpc.h"
#include "tests/codegen/protos/package_fdrpc.fdrpc.h"
#include "tests/codegen/protos/package_std.fdrpc.h"
#include "tests/codegen/protos/services.fdrpc.h"

namespace fdrpc {
namespace {

using test::services::Everything;
using test::services::Plain;
using test::services::WithFd;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

UniqueFd OpenFile() {
  return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

class NoContext final : public ServerContext {
 public:
  const Metadata& metadata() const override { return metadata_; }
  const PeerCredentials& peer() const override { return peer_; }
  absl::Duration time_remaining() const override {
    return absl::InfiniteDuration();
  }
  bool IsCancelled() const override { return false; }
  std::stop_token cancellation() const override { return {}; }
  Metadata& headers() override { return metadata_; }
  Metadata& trailers() override { return metadata_; }

 private:
  Metadata metadata_;
  PeerCredentials peer_;
};

// Copies a message by its bytes, and moves its descriptors.
absl::Status HandOver(OutgoingMessage from, IncomingMessage to) {
  if (!to.message->ParseFromString(from.message->SerializeAsString())) {
    return absl::InternalError("does not parse");
  }
  if ((from.parcel == nullptr) != (to.parcel == nullptr)) {
    return absl::InternalError("a parcel on one side only");
  }
  if (to.parcel == nullptr) return absl::OkStatus();
  return to.parcel->Accept(from.parcel->TakeDescriptors());
}

class DirectCall final : public UnaryServerCall {
 public:
  DirectCall(OutgoingMessage request, IncomingMessage reply)
      : request_(request), reply_(reply) {}

  ServerContext& context() override { return context_; }
  absl::Status TakeRequest(IncomingMessage request) override {
    return HandOver(request_, request);
  }
  void FinishOk(OutgoingMessage reply) override {
    status_ = HandOver(reply, reply_);
  }
  void FinishError(absl::Status status) override {
    status_ = std::move(status);
  }

  const absl::Status& status() const { return status_; }

 private:
  OutgoingMessage request_;
  IncomingMessage reply_;
  NoContext context_;
  absl::Status status_ = absl::InternalError("not finished");
};

// Finds the method by its identity, as the runtime does by its name.
class DirectCaller final : public Caller {
 public:
  explicit DirectCaller(Service& service) : service_(service) {}

  absl::Status CallUnary(const Method& method, OutgoingMessage request,
                         IncomingMessage reply,
                         const CallOptions& options) override {
    called = method.full_name;
    metadata = options.metadata;
    for (const MethodHandler& handler : service_.method_handlers()) {
      if (handler.method != &method) continue;
      EXPECT_EQ(method.request_has_descriptors, request.parcel != nullptr);
      EXPECT_EQ(method.reply_has_descriptors, reply.parcel != nullptr);
      DirectCall call(request, reply);
      handler.serve_unary(service_, call);
      return call.status();
    }
    return absl::NotFoundError("not this service's method");
  }

  std::string called;
  Metadata metadata;

 private:
  Service& service_;
};

class EverythingService final : public Everything::Service {
 public:
  absl::Status PlainToPlain(ServerContext&, const Plain& request,
                            Plain& reply) override {
    reply.set_text("got " + request.text());
    return absl::OkStatus();
  }
  absl::Status PlainToParcel(ServerContext&, const Plain&,
                             Parcel<WithFd>& reply) override {
    reply.set_file(OpenFile());
    return absl::OkStatus();
  }
  absl::Status ParcelToPlain(ServerContext&, Parcel<WithFd>& request,
                             Plain& reply) override {
    reply.set_text(request.take_file().ok() ? "taken" : "missing");
    return absl::OkStatus();
  }
  absl::Status ParcelToParcel(ServerContext&, Parcel<WithFd>& request,
                              Parcel<WithFd>& reply) override {
    reply.set_file(request.take_file());
    return absl::OkStatus();
  }
  absl::Status FdToFd(ServerContext&, Parcel<Fd>& request,
                      Parcel<Fd>& reply) override {
    reply.set_fd(request.take_fd());
    return absl::OkStatus();
  }
};

class GeneratedServiceTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(OpenDescriptors(), before_); }

  const std::vector<int> before_ = OpenDescriptors();
  EverythingService service_;
  std::shared_ptr<DirectCaller> caller_ =
      std::make_shared<DirectCaller>(service_);
  Everything::Stub stub_{caller_};
};

TEST_F(GeneratedServiceTest, CallsWithPlainMessages) {
  Plain request;
  request.set_text("hello");
  absl::StatusOr<Plain> reply =
      stub_.PlainToPlain(request, {.metadata = {{"key", "value"}}});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "got hello");
  EXPECT_EQ(caller_->called, "fdrpc.test.services.Everything/PlainToPlain");
  EXPECT_EQ(caller_->metadata.Get("key"), "value");
}

TEST_F(GeneratedServiceTest, CallsWithDescriptorsInTheReply) {
  absl::StatusOr<Parcel<WithFd>> reply = stub_.PlainToParcel(Plain());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->take_file().ok());
}

TEST_F(GeneratedServiceTest, CallsWithDescriptorsInTheRequest) {
  Parcel<WithFd> request;
  request.set_file(OpenFile());
  absl::StatusOr<Plain> reply = stub_.ParcelToPlain(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "taken");
}

TEST_F(GeneratedServiceTest, CallsWithDescriptorsBothWays) {
  Parcel<WithFd> request;
  request.set_file(OpenFile());
  absl::StatusOr<Parcel<WithFd>> reply =
      stub_.ParcelToParcel(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->take_file().ok());

  Parcel<Fd> fd;
  fd.set_fd(OpenFile());
  absl::StatusOr<Parcel<Fd>> fd_reply = stub_.FdToFd(std::move(fd));
  ASSERT_TRUE(fd_reply.ok()) << fd_reply.status();
  EXPECT_TRUE(fd_reply->take_fd().ok());
}

TEST_F(GeneratedServiceTest, FailsACallWhoseRequestMissesADescriptor) {
  Parcel<WithFd> request;
  request->mutable_file();
  const absl::Status status = stub_.ParcelToPlain(std::move(request)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("fdrpc.test.services.WithFd.file"));
  EXPECT_EQ(caller_->called, "");
}

TEST_F(GeneratedServiceTest, AnswersUnimplementedForWhatIsNotOverridden) {
  const absl::Status status =
      stub_.EmptyToAny(google::protobuf::Empty()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status.message(),
            "fdrpc.test.services.Everything/EmptyToAny is not implemented");
}

TEST_F(GeneratedServiceTest, IsCopiedAsAHandleToTheSameCaller) {
  Everything::Stub copy = stub_;
  EXPECT_TRUE(copy.PlainToPlain(Plain()).ok());
  EXPECT_EQ(caller_.use_count(), 3);
  Everything::Stub moved = std::move(copy);
  EXPECT_EQ(caller_.use_count(), 3);
}

TEST_F(GeneratedServiceTest, ListsItsMethodsInTheOrderOfTheFile) {
  EXPECT_EQ(service_.full_name(), "fdrpc.test.services.Everything");
  std::vector<std::string_view> names;
  std::vector<MethodKind> kinds;
  std::vector<bool> served;
  for (const MethodHandler& handler : service_.method_handlers()) {
    names.push_back(handler.method->full_name);
    kinds.push_back(handler.method->kind);
    served.push_back(handler.serve_unary != nullptr);
  }
  EXPECT_THAT(names,
              ElementsAre("fdrpc.test.services.Everything/PlainToPlain",
                          "fdrpc.test.services.Everything/PlainToParcel",
                          "fdrpc.test.services.Everything/ParcelToPlain",
                          "fdrpc.test.services.Everything/ParcelToParcel",
                          "fdrpc.test.services.Everything/FdToFd",
                          "fdrpc.test.services.Everything/EmptyToAny",
                          "fdrpc.test.services.Everything/ClientStreaming",
                          "fdrpc.test.services.Everything/ServerStreaming",
                          "fdrpc.test.services.Everything/Bidirectional",
                          "fdrpc.test.services.Everything/Old"));
  EXPECT_THAT(
      kinds,
      ElementsAre(MethodKind::kUnary, MethodKind::kUnary, MethodKind::kUnary,
                  MethodKind::kUnary, MethodKind::kUnary, MethodKind::kUnary,
                  MethodKind::kClientStreaming, MethodKind::kServerStreaming,
                  MethodKind::kBidirectional, MethodKind::kUnary));
  EXPECT_THAT(served, ElementsAre(true, true, true, true, true, true, false,
                                  false, false, true));
}

TEST_F(GeneratedServiceTest, MayHaveNoMethods) {
  test::services::Nothing::Service nothing;
  EXPECT_EQ(nothing.full_name(), "fdrpc.test.services.Nothing");
  EXPECT_THAT(nothing.method_handlers(), IsEmpty());
  test::services::Nothing::Stub stub{caller_};
  test::services::OnlyStreaming::Service only_streaming;
  EXPECT_THAT(only_streaming.method_handlers(), SizeIs(1));
}

TEST_F(GeneratedServiceTest, IsCalledByTheNameThatTheFileHas) {
  test::keywords::class_::Service keywords;
  EXPECT_EQ(keywords.full_name(), "fdrpc.test.keywords.class");
  auto caller = std::make_shared<DirectCaller>(keywords);
  test::keywords::class_::Stub stub(caller);
  EXPECT_EQ(stub.delete_({}).status().message(),
            "fdrpc.test.keywords.class/delete is not implemented");
  EXPECT_EQ(stub.delete__({}).status().message(),
            "fdrpc.test.keywords.class/delete_ is not implemented");
  EXPECT_EQ(stub.NULL_({}).status().message(),
            "fdrpc.test.keywords.class/NULL is not implemented");

  test::our_names::Stub_::Service ours;
  EXPECT_EQ(ours.full_name(), "fdrpc.test.our_names.Stub");
  test::our_names::Stub_::Stub our_stub(std::make_shared<DirectCaller>(ours));
  EXPECT_EQ(our_stub.Stub__({}).status().message(),
            "fdrpc.test.our_names.Stub/Stub is not implemented");
  EXPECT_EQ(our_stub.Stub___({}).status().message(),
            "fdrpc.test.our_names.Stub/Stub_ is not implemented");
}

TEST_F(GeneratedServiceTest, MayBeInAnyPackageOrNone) {
  NoPackage::Service no_package;
  EXPECT_EQ(no_package.full_name(), "NoPackage");
  EXPECT_EQ(NoPackage::Stub(std::make_shared<DirectCaller>(no_package))
                .Get({})
                .status()
                .message(),
            "NoPackage/Get is not implemented");
  EXPECT_EQ(TestOf_fdrpc::Service().full_name(), "fdrpc.TestOf_fdrpc");
  EXPECT_EQ(std::TestOf_std::Service().full_name(), "std.TestOf_std");
  EXPECT_EQ(absl::TestOf_absl::Service().full_name(), "absl.TestOf_absl");
}

}  // namespace
}  // namespace fdrpc
