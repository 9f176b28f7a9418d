#ifndef FDRPC_SERVICES_TOOL_GIVEN_SCHEMA_H_
#define FDRPC_SERVICES_TOOL_GIVEN_SCHEMA_H_

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/compiler/importer.h"
#include "services/tool/schema.h"

namespace fdrpc::tool {

// .proto files, or a serialised google.protobuf.FileDescriptorSet (protoc
// --descriptor_set_out), that the user gives. What fdrpc and Protocol Buffers
// bring themselves is always found.
class GivenSchema final : public SchemaSource {
 public:
  // Looks for `files`, and what they import, in `directories`. Without
  // directories, in the current one, and for a file elsewhere in its own.
  // INVALID_ARGUMENT with the place of the first mistake; NOT_FOUND.
  static absl::StatusOr<std::unique_ptr<GivenSchema>> FromProtos(
      const std::vector<std::string>& files,
      std::vector<std::string> directories);
  // Errors name the file.
  static absl::StatusOr<std::unique_ptr<GivenSchema>> FromDescriptorSet(
      const std::string& file);
  // The same for the content of a file.
  static absl::StatusOr<std::unique_ptr<GivenSchema>> FromSerializedSet(
      const std::string& bytes, const std::string& file);

  absl::StatusOr<std::vector<std::string>> Services() override;
  absl::Status status() const override;

  bool FindFileByName(const std::string& name,
                      google::protobuf::FileDescriptorProto* file) override;
  bool FindFileContainingSymbol(
      const std::string& symbol,
      google::protobuf::FileDescriptorProto* file) override;
  bool FindFileContainingExtension(
      const std::string& type, int number,
      google::protobuf::FileDescriptorProto* file) override;

 private:
  class Errors final
      : public google::protobuf::compiler::MultiFileErrorCollector {
   public:
    void AddError(const std::string& file, int line, int column,
                  const std::string& message) override;
    std::string first;
  };

  GivenSchema();
  // Adds a file and what it imports to files_.
  bool Load(const std::string& name);

  google::protobuf::DescriptorPoolDatabase linked_;
  google::protobuf::compiler::DiskSourceTree directories_;
  Errors errors_;
  google::protobuf::compiler::SourceTreeDescriptorDatabase sources_;
  google::protobuf::SimpleDescriptorDatabase files_;
  std::vector<std::string> services_;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_GIVEN_SCHEMA_H_
