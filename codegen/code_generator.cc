#include "codegen/code_generator.h"

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
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
  bool mocks = false;
  GenerationOptions options;
  // protoc joins the values of several --fdrpc_opt with commas.
  for (absl::string_view word :
       absl::StrSplit(parameter, ',', absl::SkipEmpty())) {
    if (absl::ConsumePrefix(&word, "dllexport_decl=")) {
      options.export_macro = std::string(word);
    } else if (word == "mocks") {
      mocks = true;
    } else if (word == "reflection") {
      options.reflection = true;
    } else {
      *error = absl::StrCat(
          "unknown parameter \"", word,
          "\": protoc-gen-fdrpc takes \"mocks\", "
          "\"reflection\" and \"dllexport_decl=MACRO\"; remove it from "
          "--fdrpc_out or --fdrpc_opt");
      return false;
    }
  }
  absl::StatusOr<GeneratedFile> generated = GenerateFile(*file, options);
  if (!generated.ok()) {
    *error = std::string(generated.status().message());
    return false;
  }
  if (mocks) {
    absl::StatusOr<std::string> header = GenerateMockHeader(*file);
    if (!header.ok()) {
      *error = std::string(header.status().message());
      return false;
    }
    Write(*context, MockHeaderPath(*file), *header);
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
