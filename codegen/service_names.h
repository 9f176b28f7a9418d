#ifndef FDRPC_CODEGEN_SERVICE_NAMES_H_
#define FDRPC_CODEGEN_SERVICE_NAMES_H_

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// The C++ names of a service and of its methods, by the rules of name_scope.h.
struct ServiceNames {
  explicit ServiceNames(const google::protobuf::ServiceDescriptor& service);

  std::string service;
  // In the order of the file. A method has the same name in all classes.
  std::vector<std::string> methods;
  // For each method, the name in the service's class for the parameter type of
  // its AsyncService handler.
  std::vector<std::string> calls;
  // The class that mocks the service.
  std::string mock;
};

// The constant that identifies a method to the runtime, within Methods:
// "kOpen".
std::string MethodConstant(const google::protobuf::MethodDescriptor& method);

// "package.Service/Method".
std::string MethodPath(const google::protobuf::MethodDescriptor& method);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_SERVICE_NAMES_H_
