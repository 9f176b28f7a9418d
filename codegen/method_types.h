#ifndef FDRPC_CODEGEN_METHOD_TYPES_H_
#define FDRPC_CODEGEN_METHOD_TYPES_H_

#include <string>

#include "codegen/descriptor_fields.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// What a method takes and gives, as generated code writes it.
struct MethodTypes {
  MethodTypes(const google::protobuf::MethodDescriptor& method,
              DescriptorFields& descriptor_fields);

  bool request_has_descriptors;
  bool reply_has_descriptors;

  // A message's own type, or its Parcel if it has descriptors.
  std::string request;
  std::string reply;
};

bool IsUnary(const google::protobuf::MethodDescriptor& method);

// The enumerator of fdrpc::MethodKind: "kUnary".
std::string MethodKindName(const google::protobuf::MethodDescriptor& method);
// As prose: "unary".
std::string MethodKindProse(const google::protobuf::MethodDescriptor& method);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_METHOD_TYPES_H_
