#include "codegen/embedded_files.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "codegen/file_generator.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EmbeddedFilesTest : public ::testing::Test {
 protected:
  ProtoFiles protos_;
  const google::protobuf::FileDescriptor& types_ =
      protos_.AddProto3("types.proto", "// A type.\nmessage T {}");
  const google::protobuf::FileDescriptor& file_ =
      protos_.AddProto3("dir/x.proto", R"(
        import "types.proto";
        // Quoted: "?" and \.
        service S {
          rpc Do(R) returns (T);
        }
        message R {
          int32 plain = 1;
          int32 described = 2;  // a number
          fdrpc.Fd fd = 3;
        })");
};

TEST_F(EmbeddedFilesTest, HaveImportsBeforeWhatImportsThem) {
  const auto files = EmbeddedFiles(file_);
  google::protobuf::DescriptorPool pool;
  google::protobuf::FileDescriptorProto always_linked;
  google::protobuf::FileDescriptorProto::descriptor()->file()->CopyTo(
      &always_linked);
  pool.BuildFile(always_linked);
  for (const auto& file : files.file()) {
    EXPECT_NE(file.name(), always_linked.name());
    EXPECT_NE(pool.BuildFile(file), nullptr) << file.name();
  }
  EXPECT_NE(pool.FindMethodByName("test.S.Do"), nullptr);
  EXPECT_EQ(files.file().rbegin()->name(), "dir/x.proto");
}

TEST_F(EmbeddedFilesTest, HaveThePlacesOfCommentsAlone) {
  const auto files = EmbeddedFiles(file_);
  for (const auto& file : files.file()) {
    if (file.name() == "dir/x.proto") {
      ASSERT_EQ(file.source_code_info().location_size(), 2);
      EXPECT_EQ(file.source_code_info().location(0).leading_comments(),
                " Quoted: \"?\" and \\.\n");
      EXPECT_EQ(file.source_code_info().location(1).trailing_comments(),
                " a number\n");
    } else if (file.name() == "types.proto") {
      EXPECT_EQ(file.source_code_info().location_size(), 1);
    } else {
      EXPECT_FALSE(file.has_source_code_info()) << file.name();
    }
  }
}

TEST_F(EmbeddedFilesTest, HaveNoNamesForJsonThatFieldsHaveAnyway) {
  // As protoc gives them to its plugins.
  google::protobuf::FileDescriptorProto given;
  given.set_name("given.proto");
  auto& message = *given.add_message_type();
  message.set_name("M");
  auto& nested = *message.add_nested_type();
  nested.set_name("N");
  for (const auto& [name, json] : {std::pair("a_long_2name_", "aLong2name"),
                                   std::pair("other", "another")}) {
    auto& field = *nested.add_field();
    field.set_name(name);
    field.set_json_name(json);
    field.set_number(nested.field_size());
    field.set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
    field.set_type(google::protobuf::FieldDescriptorProto::TYPE_INT32);
  }
  google::protobuf::DescriptorPool pool;
  const auto* file = pool.BuildFile(given);
  ASSERT_NE(file, nullptr);
  const auto embedded = EmbeddedFiles(*file);
  const auto& fields = embedded.file(0).message_type(0).nested_type(0).field();
  EXPECT_FALSE(fields[0].has_json_name());
  EXPECT_EQ(fields[1].json_name(), "another");
}

TEST_F(EmbeddedFilesTest, AreInTheGeneratedCodeIfThatIsAskedFor) {
  const auto plain = GenerateFile(file_);
  const auto with = GenerateFile(file_, {.reflection = true});
  ASSERT_TRUE(plain.ok() && with.ok());
  EXPECT_THAT(plain->header + plain->source,
              Not(HasSubstr("descriptor_files")));
  EXPECT_THAT(
      with->header,
      HasSubstr("::std::string_view descriptor_files() const override"));
  // Each form of the service returns them.
  for (const char* form : {"Service", "AsyncService", "CoService"}) {
    EXPECT_THAT(with->source,
                HasSubstr(absl::StrCat("S::", form, "::descriptor_files()")));
  }
  EXPECT_THAT(with->source,
              HasSubstr("static ::std::string_view DescriptorFiles_"));
}

TEST_F(EmbeddedFilesTest, AreNotInTheCodeOfAFileWithoutServices) {
  const auto generated = GenerateFile(
      protos_.AddProto3("m.proto", "message M {}"), {.reflection = true});
  ASSERT_TRUE(generated.ok());
  EXPECT_THAT(generated->source, Not(HasSubstr("DescriptorFiles")));
}

}  // namespace
}  // namespace fdrpc::codegen
