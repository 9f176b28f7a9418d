#ifndef FDRPC_CODEGEN_METHOD_RULES_H_
#define FDRPC_CODEGEN_METHOD_RULES_H_

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// The content of a method's option (fdrpc.method_rules).
struct MethodRules {
  bool one_way = false;
  // There is something that this version does not know.
  bool unknown = false;

  // Parses the option's bytes, an fdrpc.MethodRules.
  static MethodRules Parse(absl::string_view bytes);
};

// The field number of (fdrpc.method_rules) in the options of a method.
inline constexpr int kMethodRulesNumber = 51871;

// Whether the method is marked as one-way.
bool IsOneWay(const google::protobuf::MethodDescriptor& method);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_METHOD_RULES_H_
