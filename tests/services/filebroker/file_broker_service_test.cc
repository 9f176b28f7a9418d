// The service over a real socket, within one process.
#include "services/filebroker/file_broker_service.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/tree.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::filebroker {
namespace {

using ::testing::HasSubstr;
using Reply = absl::StatusOr<Parcel<v1::OpenReply>>;

class FileBrokerServiceTest : public ::testing::Test {
 protected:
  ~FileBrokerServiceTest() override {
    if (server_ == nullptr) return;
    server_->Shutdown();
    server_->Wait();
  }

  void Serve(bool read_only = false) {
    absl::StatusOr<RootPolicy> policy =
        RootPolicy::Create({.root = tree_.path(), .read_only = read_only});
    ASSERT_TRUE(policy.ok()) << policy.status();
    server_ = std::make_unique<Server>();
    server_->AddService(std::make_unique<FileBrokerService>(
        *std::move(policy), DirectoryServer::Create(*server_, nullptr)));
    ASSERT_TRUE(server_->Listen(tree_.around().address()).ok());
    ASSERT_TRUE(server_->Start().ok());
    absl::StatusOr<Channel> channel =
        Channel::Connect(tree_.around().address());
    ASSERT_TRUE(channel.ok()) << channel.status();
    stub_ = std::make_unique<v1::FileBroker::Stub>(*channel);
  }
  static v1::OpenRequest Request(const std::string& path,
                                 v1::Access access = v1::ACCESS_READ) {
    v1::OpenRequest request;
    request.set_path(path);
    request.set_access(access);
    return request;
  }
  absl::StatusCode CodeOf(const v1::OpenRequest& request) {
    return stub_->Open(request).status().code();
  }

  testing::ExpectSameDescriptors census_;
  testing::Tree tree_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::FileBroker::Stub> stub_;
};

TEST_F(FileBrokerServiceTest, SendsTheDescriptorWithSizeAndKind) {
  Serve();
  tree_.Write("file", "0123456789");
  Reply reply = stub_->Open(Request("file"));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ((*reply)->size(), 10u);
  EXPECT_EQ((*reply)->kind(), v1::FILE_KIND_REGULAR);
  UniqueFd file = reply->take_file();
  EXPECT_EQ(testing::ReadRest(file.get()), "0123456789");
  EXPECT_TRUE(testing::HasCloseOnExec(file.get()));
}

TEST_F(FileBrokerServiceTest, OpensTheFileAnewForEachCall) {
  Serve();
  tree_.Write("file", "content");
  Reply first = stub_->Open(Request("file"));
  Reply second = stub_->Open(Request("file"));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(testing::ReadRest(first->file()), "content");
  EXPECT_EQ(testing::ReadRest(second->file()), "content");
}

TEST_F(FileBrokerServiceTest, OpensNamesThatAreNotUtf8) {
  Serve();
  tree_.Write("\xff\xfe", "content");
  Reply reply = stub_->Open(Request("\xff\xfe"));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(testing::ReadRest(reply->file()), "content");
  EXPECT_THAT(std::string(stub_->Open(Request("\xfe")).status().message()),
              HasSubstr("\"\\xfe\""));
}

TEST_F(FileBrokerServiceTest, SendsKindsOtherThanRegularFiles) {
  Serve();
  ASSERT_EQ(mkfifo(tree_.path("fifo").c_str(), 0600), 0);
  Reply fifo = stub_->Open(Request("fifo"));
  ASSERT_TRUE(fifo.ok()) << fifo.status();
  EXPECT_EQ((*fifo)->kind(), v1::FILE_KIND_FIFO);
  EXPECT_EQ((*fifo)->size(), 0u);
}

TEST_F(FileBrokerServiceTest, ObeysEveryFieldOfTheRequest) {
  Serve();
  tree_.Write("file", "old content");
  v1::OpenRequest request = Request("file", v1::ACCESS_READ_WRITE);
  request.set_truncate(true);
  request.set_append(true);
  Reply reply = stub_->Open(request);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(tree_.Read("file"), "");
  EXPECT_EQ(fcntl(reply->file(), F_GETFL) & (O_ACCMODE | O_APPEND),
            O_RDWR | O_APPEND);

  request = Request("new", v1::ACCESS_WRITE);
  request.set_creation(v1::CREATION_EXCLUSIVE);
  EXPECT_TRUE(stub_->Open(request).ok());
  EXPECT_EQ(tree_.Permissions("new"), 0600);
  EXPECT_EQ(CodeOf(request), absl::StatusCode::kAlreadyExists);
  request.set_creation(v1::CREATION_IF_MISSING);
  EXPECT_TRUE(stub_->Open(request).ok());
  request.set_path("bare");
  request.set_permissions(0);
  EXPECT_TRUE(stub_->Open(request).ok());
  EXPECT_EQ(tree_.Permissions("bare"), 0);
}

TEST_F(FileBrokerServiceTest, RefusesValuesThatTheInterfaceDoesNotKnow) {
  Serve();
  tree_.Write("file", "content");
  EXPECT_EQ(CodeOf(v1::OpenRequest()), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Request("file", v1::ACCESS_UNSPECIFIED)),
            absl::StatusCode::kInvalidArgument);
  for (const int unknown : {4, 1000, -1, 0x7fffffff}) {
    v1::OpenRequest request = Request("file");
    request.set_access(static_cast<v1::Access>(unknown));
    EXPECT_EQ(CodeOf(request), absl::StatusCode::kInvalidArgument);
    request = Request("file", v1::ACCESS_WRITE);
    request.set_creation(static_cast<v1::Creation>(unknown));
    EXPECT_EQ(CodeOf(request), absl::StatusCode::kInvalidArgument);
  }
  v1::OpenRequest request = Request("new", v1::ACCESS_WRITE);
  request.set_creation(v1::CREATION_IF_MISSING);
  request.set_permissions(04755);
  EXPECT_EQ(CodeOf(request), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(tree_.Has("new"));
}

TEST_F(FileBrokerServiceTest, ReadOnlyRefusesToWrite) {
  Serve(/*read_only=*/true);
  tree_.Write("file", "content");
  EXPECT_TRUE(stub_->Open(Request("file")).ok());
  EXPECT_EQ(CodeOf(Request("file", v1::ACCESS_WRITE)),
            absl::StatusCode::kPermissionDenied);
  v1::OpenRequest request = Request("new", v1::ACCESS_READ_WRITE);
  request.set_creation(v1::CREATION_IF_MISSING);
  EXPECT_EQ(CodeOf(request), absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(tree_.Has("new"));
}

TEST_F(FileBrokerServiceTest, RefusesWhatLeavesTheRoot) {
  Serve();
  tree_.Link("link", "../outside");
  for (const char* path : {"../outside", "link"}) {
    Reply reply = stub_->Open(Request(path));
    EXPECT_EQ(reply.status().code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(reply.status().message()),
                HasSubstr("leaves the broker's root"));
  }
}

}  // namespace
}  // namespace fdrpc::filebroker
