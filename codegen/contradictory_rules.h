#ifndef FDRPC_CODEGEN_CONTRADICTORY_RULES_H_
#define FDRPC_CODEGEN_CONTRADICTORY_RULES_H_

#include <string>
#include <vector>

#include "fdrpc/options.pb.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// What of the option (fdrpc.fd_rules) contradicts the field, or another rule;
// each says what to do.
std::vector<std::string> Contradictions(
    const google::protobuf::FieldDescriptor& field, const FdRules& rules);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_CONTRADICTORY_RULES_H_
