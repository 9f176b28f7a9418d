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
  // In the order of the file. Methods of all kinds have one, also those that
  // nothing is generated for: theirs are not given to others.
  std::vector<std::string> methods;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_SERVICE_NAMES_H_
