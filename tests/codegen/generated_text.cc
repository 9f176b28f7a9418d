#include "tests/codegen/generated_text.h"

#include <utility>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {

GeneratedFile Generated(absl::string_view proto3) {
  ProtoFiles files;
  absl::StatusOr<GeneratedFile> generated =
      GenerateFile(files.AddProto3("x.proto", proto3));
  EXPECT_TRUE(generated.ok()) << generated.status();
  return *std::move(generated);
}

std::string GeneratedMocks(absl::string_view proto3) {
  ProtoFiles files;
  absl::StatusOr<std::string> generated =
      GenerateMockHeader(files.AddProto3("x.proto", proto3));
  EXPECT_TRUE(generated.ok()) << generated.status();
  return *std::move(generated);
}

}  // namespace fdrpc::codegen
