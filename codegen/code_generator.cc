#include "codegen/code_generator.h"

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "codegen/cc_names.h"
#include "codegen/file_generator.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::compiler::GeneratorContext;

void Write(GeneratorContext& context, const std::string& path,
           const std::string& text) {
  std::unique_ptr<google::protobuf::io::ZeroCopyOutputStream> stream(
      context.Open(path));
  google::protobuf::io::CodedOutputStream(stream.get()).WriteString(text);
}

}  // namespace

bool CodeGenerator::Generate(const FileDescriptor* file,
                             const std::string& parameter,
                             GeneratorContext* context,
                             std::string* error) const {
  if (!parameter.empty()) {
    *error = absl::StrCat("unknown parameter \"", parameter,
                          "\": protoc-gen-fdrpc takes none; remove it from "
                          "--fdrpc_out or --fdrpc_opt");
    return false;
  }
  absl::StatusOr<GeneratedFile> generated = GenerateFile(*file);
  if (!generated.ok()) {
    *error = std::string(generated.status().message());
    return false;
  }
  Write(*context, HeaderPath(*file), generated->header);
  Write(*context, SourcePath(*file), generated->source);
  return true;
}

bool CodeGenerator::GenerateAll(const std::vector<const FileDescriptor*>& files,
                                const std::string& parameter,
                                GeneratorContext* context,
                                std::string* error) const {
  for (const FileDescriptor* file : files) {
    if (!Generate(file, parameter, context, error)) return false;
  }
  return true;
}

}  // namespace fdrpc::codegen
