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
  // In the order of the file. A method has one name in all classes.
  std::vector<std::string> methods;
  // What each one's handler of AsyncService is given, in the service's class.
  std::vector<std::string> calls;
  // The class that mocks the service.
  std::string mock;
};

// What identifies a method to the runtime, within Methods: "kOpen".
std::string MethodConstant(const google::protobuf::MethodDescriptor& method);

// "package.Service/Method".
std::string MethodPath(const google::protobuf::MethodDescriptor& method);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_SERVICE_NAMES_H_
