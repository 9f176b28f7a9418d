#include "tests/codegen/proto_files.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/compiler/parser.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

void AddKnown(google::protobuf::DescriptorPool& pool,
              const google::protobuf::Descriptor* message) {
  FileDescriptorProto proto;
  message->file()->CopyTo(&proto);
  if (pool.BuildFile(proto) == nullptr) Fail(proto.name());
}

}  // namespace

ProtoFiles::ProtoFiles() {
  AddKnown(pool_, FileDescriptorProto::descriptor());
  AddKnown(pool_, google::protobuf::Any::descriptor());
  AddKnown(pool_, google::protobuf::Empty::descriptor());
  for (const char* path : {"fdrpc/fd.proto", "fdrpc/options.proto"}) {
    Add(path, ReadSourceFile(absl::StrCat("proto/", path)));
  }
}

const FileDescriptor& ProtoFiles::Add(const std::string& path,
                                      absl::string_view text) {
  google::protobuf::io::ArrayInputStream stream(text.data(),
                                                static_cast<int>(text.size()));
  google::protobuf::io::Tokenizer tokenizer(&stream, nullptr);
  google::protobuf::compiler::Parser parser;
  FileDescriptorProto proto;
  proto.set_name(path);
  if (!parser.Parse(&tokenizer, &proto)) Fail(path + " does not parse");
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
