#ifndef FDRPC_CODEGEN_CARRIED_SERVICE_H_
#define FDRPC_CODEGEN_CARRIED_SERVICE_H_

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// The service that a field of type fdrpc.Fd carries: the one that
// (fdrpc.fd_rules).service names, if it is in the field's file or one that the
// file imports. Null if the field names none, or there is no such service.
const google::protobuf::ServiceDescriptor* CarriedService(
    const google::protobuf::FieldDescriptor& field);

// What is wrong with that rule of the field; each says what to do.
std::vector<std::string> CarriedServiceProblems(
    const google::protobuf::FieldDescriptor& field);

// The services that fields of `message` itself carry.
std::vector<const google::protobuf::ServiceDescriptor*> CarriedServices(
    const google::protobuf::Descriptor& message);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_CARRIED_SERVICE_H_
