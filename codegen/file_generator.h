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

// Generates for x.proto. Depends on `file` and what it imports alone.
// INVALID_ARGUMENT lists what is wrong with `file`, a line for each problem,
// with the place and what to do.
// `export_macro` stands before the names of its classes, if it is not empty.
absl::StatusOr<GeneratedFile> GenerateFile(
    const google::protobuf::FileDescriptor& file,
    const std::string& export_macro = "");

// The text of x.mock.fdrpc.h, likewise, for a `file` that GenerateFile() takes:
// it includes x.fdrpc.h, and GoogleMock, which nothing else does.
absl::StatusOr<std::string> GenerateMockHeader(
    const google::protobuf::FileDescriptor& file);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_FILE_GENERATOR_H_
