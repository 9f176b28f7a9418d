#ifndef FDRPC_CODEGEN_FILE_GENERATOR_H_
#define FDRPC_CODEGEN_FILE_GENERATOR_H_

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// The texts of x.fdrpc.h and x.fdrpc.cc.
struct GeneratedFile {
  std::string header;
  std::string source;
};

struct GenerationOptions {
  // If not empty, precedes the names of the classes.
  std::string export_macro = "";
  // Whether the services have their .proto files with them (EmbeddedFiles()).
  bool reflection = false;
};

// Generates the code for x.proto. The result depends only on `file` and its
// imports. INVALID_ARGUMENT lists what is wrong with `file`, with a line for
// each problem: its place, and what to do.
absl::StatusOr<GeneratedFile> GenerateFile(
    const google::protobuf::FileDescriptor& file,
    const GenerationOptions& options = {});

// The text of x.mock.fdrpc.h, for a `file` that GenerateFile() accepts. It
// includes x.fdrpc.h, and is the only generated file that includes GoogleMock.
absl::StatusOr<std::string> GenerateMockHeader(
    const google::protobuf::FileDescriptor& file);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_FILE_GENERATOR_H_
