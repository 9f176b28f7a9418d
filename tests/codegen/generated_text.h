#ifndef FDRPC_TESTS_CODEGEN_GENERATED_TEXT_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "codegen/file_generator.h"

namespace fdrpc::codegen {

// The generated code for a valid file with the text that
// ProtoFiles::AddProto3() takes.
GeneratedFile Generated(absl::string_view proto3);
// Its mocks.
std::string GeneratedMocks(absl::string_view proto3);

}  // namespace fdrpc::codegen

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_TEXT_H_
