// Compares generated code with the files of golden/. With FDRPC_UPDATE_GOLDEN=1
// in the environment, the test writes the files, for intended changes.

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "codegen/file_generator.h"
#include "codegen/protobuf_version.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

// The first difference of two texts, as a diff would show it.
std::string FirstDifference(const std::string& expected,
                            const std::string& actual) {
  const std::vector<std::string> before = absl::StrSplit(expected, '\n');
  const std::vector<std::string> after = absl::StrSplit(actual, '\n');
  size_t line = 0;
  while (line < before.size() && line < after.size() &&
         before[line] == after[line]) {
    ++line;
  }
  std::string difference = absl::StrCat("@@ line ", line + 1, " @@\n");
  if (line > 0) absl::StrAppend(&difference, " ", before[line - 1], "\n");
  for (size_t i = line; i < before.size() && i < line + 3; ++i) {
    absl::StrAppend(&difference, "-", before[i], "\n");
  }
  for (size_t i = line; i < after.size() && i < line + 3; ++i) {
    absl::StrAppend(&difference, "+", after[i], "\n");
  }
  return difference;
}

void ExpectGolden(const std::string& name, const std::string& actual) {
  const std::string path =
      absl::StrCat("tests/codegen/golden/", name, ".golden");
  if (std::getenv("FDRPC_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(absl::StrCat(FDRPC_SOURCE_DIR, "/", path)) << actual;
    return;
  }
  const std::string expected = ReadSourceFile(path);
  EXPECT_TRUE(actual == expected)
      << path << " (-) is not what is generated (+):\n"
      << FirstDifference(expected, actual)
      << "If this is meant, run this test with FDRPC_UPDATE_GOLDEN=1 in the "
         "environment, and review what it changes.";
}

std::string ReadProto(const std::string& name) {
  return ReadSourceFile(absl::StrCat("tests/codegen/golden/", name, ".proto"));
}

void ExpectGoldens(const std::string& name,
                   const google::protobuf::FileDescriptor& file) {
  absl::StatusOr<GeneratedFile> generated = GenerateFile(file);
  ASSERT_TRUE(generated.ok()) << generated.status();
  absl::StatusOr<std::string> mocks = GenerateMockHeader(file);
  ASSERT_TRUE(mocks.ok()) << mocks.status();
  ExpectGolden(name + ".fdrpc.h", generated->header);
  ExpectGolden(name + ".fdrpc.cc", generated->source);
  ExpectGolden(name + ".mock.fdrpc.h", *mocks);
}

void ExpectGoldens(const std::string& name) {
  ProtoFiles files;
  ExpectGoldens(name, files.Add(name + ".proto", ReadProto(name)));
}

TEST(Golden, TheFileBrokerOfTheGuide) { ExpectGoldens("filebroker"); }

TEST(Golden, ParcelsOfEveryForm) { ExpectGoldens("parcels"); }

TEST(Golden, FieldsWithRules) { ExpectGoldens("rules"); }

TEST(Golden, ServicesOfEveryForm) { ExpectGoldens("services"); }

TEST(Golden, Edition2023) { ExpectGoldens("editions"); }

TEST(Golden, Edition2024GivesTheSame) {
  if (NewestEdition() < 2024)
    GTEST_SKIP() << "this protobuf has no edition 2024";
  ProtoFiles files;
  ExpectGoldens("editions",
                files.Add("editions.proto",
                          absl::StrReplaceAll(ReadProto("editions"),
                                              {{"\"2023\"", "\"2024\""}})));
}

TEST(Golden, AnotherNamespace) {
  ScopedNamespace scope([](const google::protobuf::FileDescriptor& file) {
    return std::string(file.package()) == "fdrpc" ? "fdrpc" : "another::place";
  });
  ExpectGoldens("renamed");
}

TEST(Golden, ANamespaceOfAnOptionGivesTheSame) {
  if (NewestEdition() < 2026)
    GTEST_SKIP() << "this protobuf has no edition 2026";
  ProtoFiles files;
  ExpectGoldens(
      "renamed",
      files.Add(
          "renamed.proto",
          absl::StrReplaceAll(
              ReadProto("renamed"),
              {{"syntax = \"proto3\";", "edition = \"2026\";"},
               {"import \"fdrpc/fd.proto\";",
                "import \"fdrpc/fd.proto\";"
                "import option \"google/protobuf/cpp_file_options.proto\";"
                "option (pb.file.cpp).namespace = \"another::place\";"}})));
}

TEST(Golden, FdItself) {
  ProtoFiles files;
  const auto& file =
      files.Add("x.proto", "syntax = \"proto3\"; import \"fdrpc/fd.proto\";");
  absl::StatusOr<GeneratedFile> generated = GenerateFile(*file.dependency(0));
  ASSERT_TRUE(generated.ok()) << generated.status();
  ExpectGolden("fd.fdrpc.h", generated->header);
  ExpectGolden("fd.fdrpc.cc", generated->source);
}

}  // namespace
}  // namespace fdrpc::codegen
