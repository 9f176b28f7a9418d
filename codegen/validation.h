#ifndef FDRPC_CODEGEN_VALIDATION_H_
#define FDRPC_CODEGEN_VALIDATION_H_

#include "absl/status/status.h"
#include "codegen/descriptor_fields.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// Refuses files for which the generated code would not compile, or would
// silently lose descriptors or rules: an fdrpc.Fd within an extension, options
// that this version does not enforce, names that collide. INVALID_ARGUMENT
// lists all problems of `file` itself; those of its imports are found when code
// is generated for them.
absl::Status Validate(const google::protobuf::FileDescriptor& file,
                      DescriptorFields& descriptor_fields);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_VALIDATION_H_
