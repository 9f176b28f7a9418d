#include "services/tool/reflected_schema.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc::tool {

using google::protobuf::FileDescriptorProto;

ReflectedSchema::ReflectedSchema(std::shared_ptr<Caller> server,
                                 const CallOptions& options)
    : stub_(std::move(server)), stream_(stub_.ServerReflectionInfo(options)) {}

bool ReflectedSchema::Ask(const Request& request, Response& response) {
  if (!status_.ok()) return false;
  if (stream_.Write(request)) {
    std::optional<Response> read = stream_.Read();
    if (read.has_value()) {
      response = *std::move(read);
      return true;
    }
  }
  status_ = stream_.Finish();
  if (absl::IsUnimplemented(status_)) {
    status_ = absl::UnimplementedError(absl::StrCat(
        "the server has no reflection (fdrpc::EnableReflection()); give its "
        ".proto files with --proto, or a descriptor set with "
        "--descriptor-set (",
        status_.message(), ")"));
  } else if (status_.ok()) {
    status_ = absl::UnavailableError("the server has ended the reflection");
  }
  return false;
}

absl::StatusOr<std::vector<std::string>> ReflectedSchema::Services() {
  Request request;
  request.set_list_services("*");
  Response response;
  if (!Ask(request, response)) return status_;
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  return names;
}

bool ReflectedSchema::AskForFile(const Request& request,
                                 FileDescriptorProto* file) {
  Response response;
  if (!Ask(request, response)) return false;
  bool first = true;
  for (const std::string& bytes :
       response.file_descriptor_response().file_descriptor_proto()) {
    FileDescriptorProto received;
    if (!received.ParseFromString(bytes)) {
      status_ = absl::InternalError(
          "the server's reflection has sent a file that is none");
      return false;
    }
    if (first) *file = received;
    first = false;
    FileDescriptorProto known;
    if (!received_.FindFileByName(received.name(), &known)) {
      received_.Add(received);
    }
  }
  return !first;
}

bool ReflectedSchema::FindFileByName(const std::string& name,
                                     FileDescriptorProto* file) {
  if (received_.FindFileByName(name, file)) return true;
  Request request;
  request.set_file_by_filename(name);
  return AskForFile(request, file);
}

bool ReflectedSchema::FindFileContainingSymbol(const std::string& symbol,
                                               FileDescriptorProto* file) {
  if (received_.FindFileContainingSymbol(symbol, file)) return true;
  Request request;
  request.set_file_containing_symbol(symbol);
  return AskForFile(request, file);
}

bool ReflectedSchema::FindFileContainingExtension(const std::string& type,
                                                  int number,
                                                  FileDescriptorProto* file) {
  if (received_.FindFileContainingExtension(type, number, file)) return true;
  Request request;
  request.mutable_file_containing_extension()->set_containing_type(type);
  request.mutable_file_containing_extension()->set_extension_number(number);
  return AskForFile(request, file);
}

}  // namespace fdrpc::tool
