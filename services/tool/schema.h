#ifndef FDRPC_SERVICES_TOOL_SCHEMA_H_
#define FDRPC_SERVICES_TOOL_SCHEMA_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/descriptor_database.h"

namespace fdrpc::tool {

// Where the program gets .proto files from, and the services in them.
class SchemaSource : public google::protobuf::DescriptorDatabase {
 public:
  // The full names of the services, in the source's order.
  virtual absl::StatusOr<std::vector<std::string>> Services() = 0;
  // Why a search failed, if that is not because there is no such thing.
  virtual absl::Status status() const = 0;
};

// The services and types of a source. Owns what it returns.
class Schema {
 public:
  explicit Schema(std::unique_ptr<SchemaSource> source);

  absl::StatusOr<std::vector<std::string>> Services() {
    return source_->Services();
  }
  // NOT_FOUND if there is none; otherwise the source's error.
  absl::StatusOr<const google::protobuf::ServiceDescriptor*> FindService(
      const std::string& name);
  // `name` is "package.Service/Method" or "package.Service.Method".
  absl::StatusOr<const google::protobuf::MethodDescriptor*> FindMethod(
      const std::string& name);
  // The files of all services, with what they import, each behind its imports.
  absl::StatusOr<google::protobuf::FileDescriptorSet> Files();
  // What `symbol` is in a .proto file, with its comments: a service, method,
  // message, field, oneof, enum, enum value, extension, or file.
  absl::StatusOr<std::string> Describe(const std::string& symbol);

 private:
  class Errors final : public google::protobuf::DescriptorPool::ErrorCollector {
   public:
    void AddError(const std::string& file, const std::string& element,
                  const google::protobuf::Message* descriptor,
                  ErrorLocation location, const std::string& message) override;
    std::string first;
  };

  // Of a search that has found nothing.
  absl::Status NotFound(const std::string& what) const;

  const std::unique_ptr<SchemaSource> source_;
  Errors errors_;
  google::protobuf::DescriptorPool pool_;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_SCHEMA_H_
