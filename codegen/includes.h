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

// The includes of a file's generated header and source. Of other generated
// .fdrpc.h, they have only those that define a Parcel which is used, or which
// the file passes on by an `import public`. So code must be generated for files
// whose messages have descriptors, but not for others.
IncludeList HeaderIncludes(const google::protobuf::FileDescriptor& file,
                           DescriptorFields& descriptor_fields);
// In addition to the file's own .fdrpc.h and its includes.
IncludeList SourceIncludes(const google::protobuf::FileDescriptor& file,
                           DescriptorFields& descriptor_fields);
// The includes of the mock header.
IncludeList MockIncludes(const google::protobuf::FileDescriptor& file);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_INCLUDES_H_
