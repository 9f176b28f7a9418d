#ifndef FDRPC_CODEGEN_OPTION_RULES_H_
#define FDRPC_CODEGEN_OPTION_RULES_H_

#include "codegen/problems.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// Finds options of fdrpc/options.proto that this version of fdrpc does not
// enforce, and those that stand where they mean nothing or contradict the
// element: nobody shall believe in a rule that does not hold.
void CheckOptionRules(const google::protobuf::FileDescriptor& file,
                      Problems& problems);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_OPTION_RULES_H_
