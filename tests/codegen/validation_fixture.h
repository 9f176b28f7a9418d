#ifndef FDRPC_TESTS_CODEGEN_VALIDATION_FIXTURE_H_
#define FDRPC_TESTS_CODEGEN_VALIDATION_FIXTURE_H_

#include <string>

#include "absl/status/statusor.h"
#include "codegen/file_generator.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {

inline constexpr char kProto2[] =
    "syntax = \"proto2\"; package test; import \"fdrpc/fd.proto\"; "
    "import \"fdrpc/options.proto\";\n";
inline constexpr char kProto3[] =
    "syntax = \"proto3\"; package test; import \"fdrpc/fd.proto\"; "
    "import \"fdrpc/options.proto\";\n";

class ValidationTest : public ::testing::Test {
 protected:
  // The errors for x.proto; empty if there are none.
  std::string ProblemsOf(const std::string& text) {
    absl::StatusOr<GeneratedFile> generated =
        GenerateFile(files_.Add("x.proto", text));
    if (generated.ok()) return "";
    EXPECT_EQ(generated.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(generated.status().message());
  }

  ProtoFiles files_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_TESTS_CODEGEN_VALIDATION_FIXTURE_H_
