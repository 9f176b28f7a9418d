#include "codegen/service_names.h"

#include "absl/strings/str_cat.h"
#include "codegen/name_scope.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// The class of a service contains classes with these names up to Methods.
// Without a package, it is beside the namespaces that generated code refers to.
std::string ServiceClassName(const ServiceDescriptor& service) {
  return NameScope({"Stub", "Service", "AsyncService", "CoService", "Methods",
                    "absl", "fdrpc", "google", "std"})
      .Claim(std::string(service.name()));
}

}  // namespace

ServiceNames::ServiceNames(const ServiceDescriptor& service)
    : service(ServiceClassName(service)) {
  // One scope for all classes: first the names that stubs need, then those that
  // services need.
  NameScope scope({"Stub", "Async", "async", "Co", "co", "caller_", "Service",
                   "AsyncService", "CoService", "full_name", "method_handlers",
                   "descriptor_files", "CheckHandlers", "Methods",
                   this->service});
  for (int i = 0; i < service.method_count(); ++i) {
    methods.push_back(scope.Claim(std::string(service.method(i)->name())));
  }
  NameScope members({"Stub", "Service", "AsyncService", "CoService", "Methods",
                     this->service});
  for (const std::string& method : methods) {
    calls.push_back(members.Claim(method + "Call"));
  }
  // A class cannot have a method with its own name.
  mock = scope.Claim(absl::StrCat("Mock", std::string(service.name())));
}

std::string MethodConstant(const MethodDescriptor& method) {
  return absl::StrCat("k", std::string(method.name()));
}

std::string MethodPath(const MethodDescriptor& method) {
  return absl::StrCat(std::string(method.service()->full_name()), "/",
                      std::string(method.name()));
}

}  // namespace fdrpc::codegen
