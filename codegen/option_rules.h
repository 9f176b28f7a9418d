#ifndef FDRPC_CODEGEN_OPTION_RULES_H_
#define FDRPC_CODEGEN_OPTION_RULES_H_

#include "codegen/problems.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// Finds options of fdrpc/options.proto that this version does not enforce, and
// options that have no meaning at their place or contradict the element. So
// nobody relies on a rule that is not enforced.
void CheckOptionRules(const google::protobuf::FileDescriptor& file,
                      Problems& problems);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_OPTION_RULES_H_
