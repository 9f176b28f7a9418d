#ifndef FDRPC_CODEGEN_INCLUDES_H_
#define FDRPC_CODEGEN_INCLUDES_H_

#include <set>
#include <string>

#include "codegen/descriptor_fields.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

struct IncludeList {
  std::set<std::string> system;  // <memory>
  std::set<std::string> quoted;  // "fdrpc/internal/stub.h"
};

// What the generated header and source of a file include. Of other generated
// .fdrpc.h they name those alone that define a Parcel which is used, or which
// the file passes on by an `import public`: whoever has descriptors in a file's
// messages generates for that file; nobody need generate for others.
IncludeList HeaderIncludes(const google::protobuf::FileDescriptor& file,
                           DescriptorFields& descriptor_fields);
// Beside the file's own .fdrpc.h and what that includes.
IncludeList SourceIncludes(const google::protobuf::FileDescriptor& file,
                           DescriptorFields& descriptor_fields);
// Those of the header of its mocks.
IncludeList MockIncludes(const google::protobuf::FileDescriptor& file);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_INCLUDES_H_
