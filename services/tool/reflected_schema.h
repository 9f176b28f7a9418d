#ifndef FDRPC_SERVICES_TOOL_REFLECTED_SCHEMA_H_
#define FDRPC_SERVICES_TOOL_REFLECTED_SCHEMA_H_

#include <memory>
#include <string>
#include <vector>

#include "fdrpc/call_options.h"
#include "fdrpc/caller.h"
#include "grpc/reflection/v1/reflection.fdrpc.h"
#include "services/tool/schema.h"

namespace fdrpc::tool {

// What a server tells by reflection. Blocks while it asks.
class ReflectedSchema final : public SchemaSource {
 public:
  // `server` is a channel to it.
  ReflectedSchema(std::shared_ptr<Caller> server, const CallOptions& options);

  absl::StatusOr<std::vector<std::string>> Services() override;
  absl::Status status() const override { return status_; }

  bool FindFileByName(const std::string& name,
                      google::protobuf::FileDescriptorProto* file) override;
  bool FindFileContainingSymbol(
      const std::string& symbol,
      google::protobuf::FileDescriptorProto* file) override;
  bool FindFileContainingExtension(
      const std::string& type, int number,
      google::protobuf::FileDescriptorProto* file) override;

 private:
  using Request = ::grpc::reflection::v1::ServerReflectionRequest;
  using Response = ::grpc::reflection::v1::ServerReflectionResponse;

  // Sets status_ if the call fails.
  bool Ask(const Request& request, Response& response);
  // The first file of the answer, if there is one; keeps the others.
  bool AskForFile(const Request& request,
                  google::protobuf::FileDescriptorProto* file);

  ::grpc::reflection::v1::ServerReflection::Stub stub_;
  ClientStream<Request, Response> stream_;
  google::protobuf::SimpleDescriptorDatabase received_;
  absl::Status status_;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_REFLECTED_SCHEMA_H_
