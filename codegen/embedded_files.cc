#include "codegen/embedded_files.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "codegen/cc_names.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using google::protobuf::SourceCodeInfo;

// Bytes of a file in one line of generated code.
constexpr size_t kLineBytes = 48;

bool HasComment(const SourceCodeInfo::Location& location) {
  return location.has_leading_comments() || location.has_trailing_comments() ||
         location.leading_detached_comments_size() > 0;
}

// Their descriptions are long, and in documents elsewhere.
bool IsWellKnown(const std::string& name) {
  return absl::StartsWith(name, "google/protobuf/") ||
         name == "fdrpc/options.proto" || name == "fdrpc/fd.proto";
}

// The name in JSON of a field that has no other.
std::string DefaultJsonName(const std::string& name) {
  std::string json;
  bool capital = false;
  for (const char c : name) {
    if (c != '_') json += capital ? absl::ascii_toupper(c) : c;
    capital = c == '_';
  }
  return json;
}

// protoc gives every field such a name, and the default ones say nothing.
template <typename Fields>
void DropJsonNames(Fields& fields) {
  for (FieldDescriptorProto& field : fields) {
    if (field.json_name() == DefaultJsonName(field.name())) {
      field.clear_json_name();
    }
  }
}
void DropJsonNames(DescriptorProto& message) {
  DropJsonNames(*message.mutable_field());
  DropJsonNames(*message.mutable_extension());
  for (DescriptorProto& nested : *message.mutable_nested_type()) {
    DropJsonNames(nested);
  }
}

FileDescriptorProto Describe(const FileDescriptor& file) {
  FileDescriptorProto described;
  file.CopyTo(&described);
  DropJsonNames(*described.mutable_extension());
  for (DescriptorProto& message : *described.mutable_message_type()) {
    DropJsonNames(message);
  }
  if (IsWellKnown(described.name())) return described;
  FileDescriptorProto source;
  file.CopySourceCodeInfoTo(&source);
  for (const SourceCodeInfo::Location& location :
       source.source_code_info().location()) {
    if (!HasComment(location)) continue;
    *described.mutable_source_code_info()->add_location() = location;
  }
  return described;
}

void Add(const FileDescriptor& file, std::set<const FileDescriptor*>& added,
         FileDescriptorSet& files) {
  if (!added.insert(&file).second) return;
  if (file.name() == "google/protobuf/descriptor.proto") return;
  for (int i = 0; i < file.dependency_count(); ++i) {
    Add(*file.dependency(i), added, files);
  }
  *files.add_file() = Describe(file);
}

}  // namespace

FileDescriptorSet EmbeddedFiles(const FileDescriptor& file) {
  FileDescriptorSet files;
  std::set<const FileDescriptor*> added;
  Add(file, added, files);
  return files;
}

std::string EmbeddedFilesFunction(const FileDescriptor& file) {
  return absl::StrCat("::fdrpc::internal::DescriptorFiles_",
                      IncludeGuard(file));
}

void PrintEmbeddedFiles(google::protobuf::io::Printer& printer,
                        const FileDescriptor& file) {
  printer.Print(
      "\n"
      "namespace fdrpc::internal {\n"
      "\n"
      "// $file$ and what it imports, for reflection.\n"
      "static ::std::string_view DescriptorFiles_$guard$() {\n"
      "  static constexpr char kFiles[] =\n",
      "file", std::string(file.name()), "guard", IncludeGuard(file));
  const std::string bytes = EmbeddedFiles(file).SerializeAsString();
  for (size_t at = 0; at < bytes.size(); at += kLineBytes) {
    const std::string line = bytes.substr(at, kLineBytes);
    const bool last = at + kLineBytes >= bytes.size();
    printer.PrintRaw(
        absl::StrCat("      \"", absl::CEscape(line), last ? "\";\n" : "\"\n"));
  }
  printer.Print(
      "  return {kFiles, sizeof(kFiles) - 1};\n"
      "}\n"
      "\n"
      "}  // namespace fdrpc::internal\n");
}

}  // namespace fdrpc::codegen
