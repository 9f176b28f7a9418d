#include "codegen/cc_names.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "codegen/protobuf_version.h"
#include "codegen/service_names.h"
#include "google/protobuf/compiler/code_generator.h"
#include "google/protobuf/compiler/cpp/names.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

// Without ".proto".
std::string PathStem(const FileDescriptor& file) {
  return google::protobuf::compiler::StripProto(std::string(file.name()));
}

}  // namespace

std::string HeaderPath(const FileDescriptor& file) {
  return absl::StrCat(PathStem(file), ".fdrpc.h");
}

std::string SourcePath(const FileDescriptor& file) {
  return absl::StrCat(PathStem(file), ".fdrpc.cc");
}

std::string MockHeaderPath(const FileDescriptor& file) {
  return absl::StrCat(PathStem(file), ".mock.fdrpc.h");
}

std::string MessageHeaderPath(const FileDescriptor& file) {
  return absl::StrCat(PathStem(file), ".pb.h");
}

std::string IncludeGuard(const FileDescriptor& file) {
  std::string guard = "FDRPC_GENERATED_";
  for (unsigned char c : std::string(file.name())) {
    if (absl::ascii_isalnum(c)) {
      guard += static_cast<char>(c);
    } else {
      absl::StrAppendFormat(&guard, "_%02x", c);
    }
  }
  return guard;
}

std::string MockIncludeGuard(const FileDescriptor& file) {
  // No path of a .proto file has this ending.
  return absl::StrCat(IncludeGuard(file), "_MOCK");
}

std::string MessageType(const Descriptor& message) {
  const std::string scope = Namespace(*message.file());
  return absl::StrCat(scope.empty() ? "" : "::", scope, "::",
                      google::protobuf::compiler::cpp::ClassName(&message));
}

std::string ParcelType(const Descriptor& message) {
  return absl::StrCat("::fdrpc::Parcel<", MessageType(message), ">");
}

std::string ServiceType(const google::protobuf::ServiceDescriptor& service) {
  const std::string scope = Namespace(*service.file());
  return absl::StrCat(scope.empty() ? "" : "::", scope,
                      "::", ServiceNames(service).service);
}

std::string FieldStem(const FieldDescriptor& field) {
  return google::protobuf::compiler::cpp::FieldName(&field);
}

}  // namespace fdrpc::codegen
