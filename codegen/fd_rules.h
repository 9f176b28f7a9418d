#ifndef FDRPC_CODEGEN_FD_RULES_H_
#define FDRPC_CODEGEN_FD_RULES_H_

#include <string>
#include <vector>

#include "fdrpc/options.pb.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// The field number of (fdrpc.fd_rules) in the options of a field.
inline constexpr int kFdRulesNumber = 51870;

// The option (fdrpc.fd_rules) of a field; what this version does not know is in
// the unknown fields.
FdRules FdRulesOf(const google::protobuf::FieldDescriptor& field);

// Whether there is something that this version does not know or enforce.
bool HasUnknownRules(const FdRules& rules);

// The members of an fdrpc::internal::DescriptorRules for the rules of a single
// descriptor, as ".kinds = 1u << 1"; none if there are no such rules.
std::vector<std::string> RulesTable(const FdRules& rules);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_FD_RULES_H_
