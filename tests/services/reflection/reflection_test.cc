#include "fdrpc/reflection.h"

#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/mixed_service.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/descriptor_database.h"
#include "grpc/reflection/v1/reflection.fdrpc.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/calls/link.h"
#include "tests/services/reflection/described.fdrpc.h"
#include "tests/services/reflection/described_lite.fdrpc.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::testing {
namespace {

namespace reflection_v1 = grpc::reflection::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using Request = reflection_v1::ServerReflectionRequest;
using Response = reflection_v1::ServerReflectionResponse;

Request FileOf(const std::string& symbol) {
  Request request;
  request.set_file_containing_symbol(symbol);
  return request;
}
Request FileNamed(const std::string& name) {
  Request request;
  request.set_file_by_filename(name);
  return request;
}

// The names of the files that an answer has.
std::vector<std::string> Names(const Response& response) {
  std::vector<std::string> names;
  for (const auto& bytes :
       response.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(file.ParseFromString(bytes));
    names.push_back(file.name());
  }
  return names;
}

class ReflectionTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  using Stream = ClientStream<Request, Response>;

  // Opens a stream to the server, with reflection as these options have it.
  void Open(ReflectionOptions options = {}) {
    EnableReflection(server_, std::move(options));
    server_.AddService(archive_);
    server_.AddService(small_);
    server_.AddService(plain_);
    const absl::StatusOr<Channel> channel = link_.NewChannel();
    ASSERT_TRUE(channel.ok()) << channel.status();
    stub_.emplace(*channel);
    ASSERT_TRUE(link_.Open().ok());
    ASSERT_TRUE(server_.Start().ok());
    stream_.emplace(stub_->ServerReflectionInfo());
  }
  void TearDown() override {
    stream_.reset();
    stub_.reset();
    server_.Shutdown();
    server_.Wait();
  }

  Response Ask(const Request& request) {
    EXPECT_TRUE(stream_->Write(request));
    std::optional<Response> response = stream_->Read();
    if (!response.has_value()) {
      ADD_FAILURE() << stream_->Finish();
      return {};
    }
    return *response;
  }
  std::vector<std::string> Services() {
    Request request;
    request.set_list_services("*");
    std::vector<std::string> names;
    const Response response = Ask(request);
    for (const auto& service : response.list_services_response().service()) {
      names.push_back(service.name());
    }
    return names;
  }

  const ExpectSameDescriptors same_;
  described::Archive::Service archive_;
  described::lite::Small::AsyncService small_;
  TestService::CoService plain_;
  Server server_;
  Link link_{GetParam(), server_};
  std::optional<reflection_v1::ServerReflection::Stub> stub_;
  std::optional<Stream> stream_;
};

TEST_P(ReflectionTest, ListsTheServicesInTheirOrder) {
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_THAT(
      Services(),
      ElementsAre("grpc.reflection.v1.ServerReflection", "described.Archive",
                  "described.lite.Small", "fdrpc.testing.TestService"));
}

TEST_P(ReflectionTest, TheFilesOfAServiceShowItWithCommentsAndRules) {
  ASSERT_NO_FATAL_FAILURE(Open());
  // By the service, and by a method.
  for (const char* symbol : {"described.Archive", "described.Archive.Put"}) {
    stream_.emplace(stub_->ServerReflectionInfo());
    const Response response = Ask(FileOf(symbol));
    google::protobuf::SimpleDescriptorDatabase files;
    for (const auto& bytes :
         response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      ASSERT_TRUE(file.ParseFromString(bytes));
      ASSERT_TRUE(files.Add(file)) << file.name();
    }
    google::protobuf::DescriptorPool pool(&files);
    const auto* file =
        pool.FindFileByName("tests/services/reflection/described.proto");
    ASSERT_NE(file, nullptr);
    google::protobuf::DebugStringOptions with_comments;
    with_comments.include_comments = true;
    const std::string text = file->DebugStringWithOptions(with_comments);
    EXPECT_THAT(text, HasSubstr("// Keeps logs.\nservice Archive {"));
    EXPECT_THAT(text, HasSubstr("// Takes a log over.\n"));
    EXPECT_THAT(text, HasSubstr("1 [(.fdrpc.fd_rules) = {"));
    EXPECT_THAT(text, HasSubstr("kind: REGULAR_FILE"));
    const auto* types =
        pool.FindFileByName("tests/services/reflection/described_types.proto");
    ASSERT_NE(types, nullptr);
    EXPECT_THAT(types->DebugStringWithOptions(with_comments),
                HasSubstr("// What the archive gives for a log."));
  }
}

TEST_P(ReflectionTest, ServicesOfTheLiteRuntimeAreDescribed) {
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_THAT(Names(Ask(FileOf("described.lite.Small"))),
              ElementsAre("tests/services/reflection/described_lite.proto"));
}

TEST_P(ReflectionTest, OtherServicesAreDescribedWithoutComments) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const Response response = Ask(FileOf(std::string(plain_.full_name())));
  ASSERT_GT(response.file_descriptor_response().file_descriptor_proto_size(),
            0);
  google::protobuf::FileDescriptorProto file;
  ASSERT_TRUE(file.ParseFromString(
      response.file_descriptor_response().file_descriptor_proto(0)));
  EXPECT_EQ(file.name(), "testing.proto");
  EXPECT_FALSE(file.has_source_code_info());
}

TEST_P(ReflectionTest, AStreamBringsAnImportOnce) {
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_THAT(
      Names(Ask(FileOf("described.Archive"))),
      ElementsAre("tests/services/reflection/described.proto", "fdrpc/fd.proto",
                  "fdrpc/options.proto", "google/protobuf/descriptor.proto",
                  "tests/services/reflection/described_types.proto"));
  // What is asked for comes in any case.
  EXPECT_THAT(Names(Ask(FileNamed("fdrpc/options.proto"))),
              ElementsAre("fdrpc/options.proto"));
}

TEST_P(ReflectionTest, FindsExtensions) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Request numbers;
  numbers.set_all_extension_numbers_of_type("google.protobuf.FieldOptions");
  const Response response = Ask(numbers);
  const auto& answer = response.all_extension_numbers_response();
  EXPECT_EQ(answer.base_type_name(), "google.protobuf.FieldOptions");
  EXPECT_THAT(answer.extension_number(), IsSupersetOf({51870}));
  Request file;
  file.mutable_file_containing_extension()->set_containing_type(
      "google.protobuf.FieldOptions");
  file.mutable_file_containing_extension()->set_extension_number(51870);
  EXPECT_EQ(Names(Ask(file)).at(0), "fdrpc/options.proto");
}

TEST_P(ReflectionTest, AnErrorSaysWhatIsMissingAndTheStreamGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Request extension;
  extension.mutable_file_containing_extension()->set_containing_type("x.Y");
  extension.mutable_file_containing_extension()->set_extension_number(7);
  Request numbers;
  numbers.set_all_extension_numbers_of_type("x.Y");
  const std::pair<Request, const char*> cases[] = {
      {FileOf("described.Archive.Get"), "no symbol described.Archive.Get"},
      {FileNamed("x.proto"), "no file x.proto"},
      {extension, "no extension 7 of x.Y"},
      {numbers, "no message x.Y"},
  };
  for (const auto& [request, message] : cases) {
    const Response response = Ask(request);
    EXPECT_EQ(response.error_response().error_code(),
              static_cast<int>(absl::StatusCode::kNotFound));
    EXPECT_THAT(response.error_response().error_message(), HasSubstr(message));
    EXPECT_EQ(response.original_request().SerializeAsString(),
              request.SerializeAsString());
  }
  EXPECT_EQ(Ask({}).error_response().error_code(),
            static_cast<int>(absl::StatusCode::kInvalidArgument));
  Request host = FileNamed("fdrpc/fd.proto");
  host.set_host("here");
  EXPECT_EQ(Ask(host).valid_host(), "here");
}

TEST_P(ReflectionTest, EndsWithTheServer) {
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_EQ(Services().size(), 4u);
  server_.Shutdown();
  EXPECT_FALSE(stream_->Read().has_value());
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_P(ReflectionTest, IsRefusedToOtherUsers) {
  ASSERT_NO_FATAL_FAILURE(Open({.users = {getuid() + 1}}));
  EXPECT_FALSE(stream_->Read().has_value());
  const absl::Status refused = stream_->Finish();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
}

TEST_P(ReflectionTest, IsForTheUsersThatAreNamed) {
  ASSERT_NO_FATAL_FAILURE(Open({.users = {getuid() + 1, getuid()}}));
  EXPECT_EQ(Services().size(), 4u);
}

TEST_P(ReflectionTest, CanTellOfAnotherServer) {
  described::Archive::CoService archive;
  Server other;
  other.AddService(archive);
  ASSERT_NO_FATAL_FAILURE(Open({.of = &other}));
  EXPECT_THAT(Services(), ElementsAre("described.Archive"));
  // The other one has to exist until this one has ended.
  server_.Shutdown();
  server_.Wait();
}

INSTANTIATE_TEST_SUITE_P(, ReflectionTest, ::testing::ValuesIn(Link::kAll),
                         [](const auto& info) { return NameOf(info.param); });

TEST(Reflection, NumbersAreThoseOfGrpc) {
  Request request = FileNamed("f");
  request.set_host("h");
  EXPECT_EQ(request.SerializeAsString(),
            "\x0a\x01h\x1a\x01"
            "f");
  EXPECT_EQ(FileOf("s").SerializeAsString(), "\x22\x01s");
  request.Clear();
  request.mutable_file_containing_extension()->set_containing_type("t");
  request.mutable_file_containing_extension()->set_extension_number(2);
  EXPECT_EQ(request.SerializeAsString(), "\x2a\x05\x0a\x01t\x10\x02");
  request.set_all_extension_numbers_of_type("t");
  EXPECT_EQ(request.SerializeAsString(), "\x32\x01t");
  request.set_list_services("*");
  EXPECT_EQ(request.SerializeAsString(), "\x3a\x01*");

  Response response;
  response.set_valid_host("h");
  *response.mutable_original_request() = FileOf("s");
  response.mutable_file_descriptor_response()->add_file_descriptor_proto("d");
  EXPECT_EQ(response.SerializeAsString(),
            "\x0a\x01h\x12\x03\x22\x01s\x22\x03\x0a\x01"
            "d");
  response.Clear();
  response.mutable_all_extension_numbers_response()->set_base_type_name("t");
  response.mutable_all_extension_numbers_response()->add_extension_number(7);
  EXPECT_EQ(response.SerializeAsString(), "\x2a\x06\x0a\x01t\x12\x01\x07");
  response.mutable_list_services_response()->add_service()->set_name("s");
  EXPECT_EQ(response.SerializeAsString(), "\x32\x05\x0a\x03\x0a\x01s");
  response.mutable_error_response()->set_error_code(5);
  response.mutable_error_response()->set_error_message("m");
  EXPECT_EQ(response.SerializeAsString(), "\x3a\x05\x08\x05\x12\x01m");
}

class Putting final : public described::Archive::Service {
  absl::Status Put(ServerContext&, Parcel<described::PutRequest>&,
                   described::Receipt&) override {
    return absl::OkStatus();
  }
};
class Counting final : public described::Archive::AsyncService {
  void Count(described::Archive::CountCall call) override {
    call.Finish(described::Receipt());
  }
};

TEST(Reflection, AMixedServiceBringsTheFilesOfItsParts) {
  Putting putting;
  Counting counting;
  const MixedService mixed(putting, counting);
  EXPECT_FALSE(putting.descriptor_files().empty());
  EXPECT_EQ(putting.descriptor_files(), counting.descriptor_files());
  EXPECT_EQ(mixed.descriptor_files(), putting.descriptor_files());
}

}  // namespace
}  // namespace fdrpc::testing
