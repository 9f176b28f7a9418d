#include "codegen/service_names.h"

#include "codegen/name_scope.h"

namespace fdrpc::codegen {
namespace {

// The class of a service contains classes of the first three names, and stands
// beside the namespaces that generated code refers to if there is no package.
std::string ServiceClassName(
    const google::protobuf::ServiceDescriptor& service) {
  return NameScope(
             {"Stub", "Service", "Methods", "absl", "fdrpc", "google", "std"})
      .Claim(std::string(service.name()));
}

}  // namespace

ServiceNames::ServiceNames(const google::protobuf::ServiceDescriptor& service)
    : service(ServiceClassName(service)) {
  // One scope for Stub and Service, so that a method has one name on both
  // sides. async and co are the stub's ways to its other forms of calling.
  NameScope scope({"Stub", "Service", "Methods", "async", "co", "caller_",
                   "full_name", "method_handlers", this->service});
  for (int i = 0; i < service.method_count(); ++i) {
    methods.push_back(scope.Claim(std::string(service.method(i)->name())));
  }
}

}  // namespace fdrpc::codegen
