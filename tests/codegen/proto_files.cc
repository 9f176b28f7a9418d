#include "tests/codegen/proto_files.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "codegen/protobuf_version.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/compiler/parser.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#if __has_include("google/protobuf/cpp_file_options.pb.h")
#include "google/protobuf/cpp_file_options.pb.h"
#endif

namespace fdrpc::codegen {
namespace {

using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

constexpr char kEdition2023[] = "edition = \"2023\";";

void AddKnown(google::protobuf::DescriptorPool& pool,
              const FileDescriptor* file) {
  FileDescriptorProto proto;
  file->CopyTo(&proto);
  if (pool.BuildFile(proto) == nullptr) Fail(proto.name());
}

// Sets what the options of edition 2023 mean for the fields of `message`.
void ApplyFeatures(google::protobuf::DescriptorProto& message) {
  for (FieldDescriptorProto& field : *message.mutable_field()) {
    auto& options = *field.mutable_options()->mutable_uninterpreted_option();
    for (int i = 0; i < options.size();) {
      const auto& option = options.Get(i);
      if (option.name(0).name_part() != "features") {
        ++i;
        continue;
      }
      if (option.identifier_value() == "DELIMITED") {
        field.set_type(FieldDescriptorProto::TYPE_GROUP);
      } else if (option.identifier_value() == "LEGACY_REQUIRED") {
        field.set_label(FieldDescriptorProto::LABEL_REQUIRED);
      } else {
        Fail(option.DebugString());
      }
      options.DeleteSubrange(i, 1);
    }
  }
  for (auto& nested : *message.mutable_nested_type()) ApplyFeatures(nested);
}

}  // namespace

ProtoFiles::ProtoFiles() {
  AddKnown(pool_, FileDescriptorProto::descriptor()->file());
  AddKnown(pool_, google::protobuf::Any::descriptor()->file());
  AddKnown(pool_, google::protobuf::Empty::descriptor()->file());
#if __has_include("google/protobuf/cpp_file_options.pb.h")
  AddKnown(pool_, pb::file::CppFileOptions::descriptor()->file());
#endif
  for (const char* path : {"fdrpc/fd.proto", "fdrpc/options.proto"}) {
    Add(path, ReadSourceFile(absl::StrCat("proto/", path)));
  }
}

const FileDescriptor& ProtoFiles::Add(const std::string& path,
                                      absl::string_view text) {
  // Fields have no labels in either.
  const std::string parsed =
      NewestEdition() == 0
          ? absl::StrReplaceAll(text, {{kEdition2023, "syntax = \"proto3\";"}})
          : std::string(text);
  google::protobuf::io::ArrayInputStream stream(
      parsed.data(), static_cast<int>(parsed.size()));
  google::protobuf::io::Tokenizer tokenizer(&stream, nullptr);
  google::protobuf::compiler::Parser parser;
  FileDescriptorProto proto;
  proto.set_name(path);
  if (!parser.Parse(&tokenizer, &proto)) Fail(path + " does not parse");
  if (parsed != text) {
    proto.clear_syntax();
    for (auto& message : *proto.mutable_message_type()) ApplyFeatures(message);
  }
  const FileDescriptor* file = pool_.BuildFile(proto);
  if (file == nullptr) Fail(path + " is not valid");
  return *file;
}

const FileDescriptor& ProtoFiles::AddProto3(const std::string& path,
                                            absl::string_view text) {
  return Add(path, absl::StrCat("syntax = \"proto3\"; package test; "
                                "import \"fdrpc/fd.proto\"; ",
                                text));
}

std::string ReadSourceFile(const std::string& path) {
  std::ifstream stream(absl::StrCat(FDRPC_SOURCE_DIR, "/", path));
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace fdrpc::codegen
