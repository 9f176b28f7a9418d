#ifndef FDRPC_CODEGEN_NAME_COLLISIONS_H_
#define FDRPC_CODEGEN_NAME_COLLISIONS_H_

#include "codegen/problems.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// Finds services whose C++ class would have the name of something else in its
// namespace: of what protoc's C++ generator makes of the messages, enums and
// extensions of the file and its imports, or of another service. Does not see
// what other files define in the namespace.
void CheckNameCollisions(const google::protobuf::FileDescriptor& file,
                         Problems& problems);
// The same for the mock classes, and for what GoogleMock makes of their
// methods.
void CheckMockNameCollisions(const google::protobuf::FileDescriptor& file,
                             Problems& problems);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_NAME_COLLISIONS_H_
