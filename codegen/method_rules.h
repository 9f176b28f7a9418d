#ifndef FDRPC_CODEGEN_METHOD_RULES_H_
#define FDRPC_CODEGEN_METHOD_RULES_H_

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// What option (fdrpc.method_rules) says of a method.
struct MethodRules {
  bool one_way = false;
  // Something that this version does not know.
  bool unknown = false;

  // Of the option's bytes, an fdrpc.MethodRules.
  static MethodRules Parse(absl::string_view bytes);
};

// The number of (fdrpc.method_rules) among the options of a method.
inline constexpr int kMethodRulesNumber = 51871;

// Whether the method is marked as one-way.
bool IsOneWay(const google::protobuf::MethodDescriptor& method);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_METHOD_RULES_H_
