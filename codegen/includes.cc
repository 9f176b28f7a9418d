#include "codegen/includes.h"

#include "codegen/carried_service.h"
#include "codegen/cc_names.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

class IncludeCollector {
 public:
  IncludeCollector(const FileDescriptor& file,
                   DescriptorFields& descriptor_fields)
      : file_(file), descriptor_fields_(descriptor_fields) {}

  IncludeList Header() {
    includes_.quoted.insert(MessageHeaderPath(file_));
    for (const Descriptor* message : descriptor_fields_.ParcelMessages(file_)) {
      includes_.system.insert("utility");
      includes_.quoted.insert("fdrpc/parcel.h");
      AddKeyTypes(*message);
      AddCarriedServices(*message);
    }
    if (file_.service_count() > 0) {
      includes_.system.insert({"memory", "string_view", "utility"});
      includes_.quoted.insert(
          {"absl/functional/any_invocable.h", "absl/status/status.h",
           "absl/status/statusor.h", "absl/types/span.h",
           "fdrpc/async_server_stream.h", "fdrpc/co_server_stream.h",
           "fdrpc/internal/handler_checks.h", "fdrpc/internal/stub.h",
           "fdrpc/server_stream.h", "fdrpc/service.h", "fdrpc/task.h"});
    }
    for (int i = 0; i < file_.service_count(); ++i) {
      AddParcelsOfService(*file_.service(i));
    }
    AddPublicImports(file_);
    return std::move(includes_);
  }

  IncludeList Source() {
    for (const Descriptor* message : descriptor_fields_.ParcelMessages(file_)) {
      AddParcelsOfFields(*message);
    }
    if (file_.service_count() > 0) {
      includes_.quoted.insert({"fdrpc/internal/serve_async.h",
                               "fdrpc/internal/serve_blocking.h",
                               "fdrpc/internal/serve_co.h"});
    }
    return std::move(includes_);
  }

 private:
  // The key types of maps to fdrpc.Fd, which the accessors take.
  void AddKeyTypes(const Descriptor& message) {
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      if (!field.is_map() || !HoldsFd(field)) continue;
      switch (field.message_type()->map_key()->cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING:
          includes_.system.insert("string");
          break;
        case FieldDescriptor::CPPTYPE_BOOL:
          break;
        default:  // protoc allows only integers as other keys.
          includes_.system.insert("cstdint");
          break;
      }
    }
  }

  // A service of the same file is declared in front of the parcels.
  void AddCarriedServices(const Descriptor& message) {
    for (const ServiceDescriptor* service : CarriedServices(message)) {
      includes_.system.insert("memory");
      includes_.quoted.insert({"absl/status/status.h", "absl/status/statusor.h",
                               "fdrpc/internal/service_field.h"});
      if (service->file() != &file_) {
        includes_.quoted.insert(HeaderPath(*service->file()));
      }
    }
  }

  void AddParcelsOfService(const ServiceDescriptor& service) {
    for (int i = 0; i < service.method_count(); ++i) {
      const MethodDescriptor& method = *service.method(i);
      AddParcelOf(*method.input_type());
      AddParcelOf(*method.output_type());
    }
  }

  // An fdrpc.Fd is visited without its Parcel.
  void AddParcelsOfFields(const Descriptor& message) {
    for (int i = 0; i < message.field_count(); ++i) {
      const Descriptor* type = ValueMessage(*message.field(i));
      if (type != nullptr && !IsFd(*type)) AddParcelOf(*type);
    }
  }

  void AddParcelOf(const Descriptor& message) {
    if (message.file() != &file_ && descriptor_fields_.HasAny(message)) {
      includes_.quoted.insert(HeaderPath(*message.file()));
    }
  }

  void AddPublicImports(const FileDescriptor& file) {
    for (int i = 0; i < file.public_dependency_count(); ++i) {
      const FileDescriptor& import = *file.public_dependency(i);
      if (!descriptor_fields_.ParcelMessages(import).empty()) {
        includes_.quoted.insert(HeaderPath(import));
      }
      AddPublicImports(import);
    }
  }

  const FileDescriptor& file_;
  DescriptorFields& descriptor_fields_;
  IncludeList includes_;
};

}  // namespace

IncludeList HeaderIncludes(const FileDescriptor& file,
                           DescriptorFields& descriptor_fields) {
  return IncludeCollector(file, descriptor_fields).Header();
}

IncludeList SourceIncludes(const FileDescriptor& file,
                           DescriptorFields& descriptor_fields) {
  const IncludeList header = HeaderIncludes(file, descriptor_fields);
  IncludeList source = IncludeCollector(file, descriptor_fields).Source();
  for (const std::string& path : header.quoted) source.quoted.erase(path);
  return source;
}

IncludeList MockIncludes(const FileDescriptor& file) {
  IncludeList includes = {.system = {}, .quoted = {HeaderPath(file)}};
  if (file.service_count() > 0) includes.quoted.insert("gmock/gmock.h");
  return includes;
}

}  // namespace fdrpc::codegen
