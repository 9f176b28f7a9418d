#ifndef FDRPC_TESTS_CODEGEN_PROTO_FILES_H_
#define FDRPC_TESTS_CODEGEN_PROTO_FILES_H_

#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// Descriptors of .proto files that tests give as text. Knows fdrpc's own files,
// and those of google/protobuf that tests import. A parse error ends the test
// program.
class ProtoFiles {
 public:
  ProtoFiles();

  // Everything that `text` imports must have been added before. If Protocol
  // Buffers has no editions, a file in edition 2023 gets the descriptors that
  // the generator would see with editions.
  const google::protobuf::FileDescriptor& Add(const std::string& path,
                                              absl::string_view text);

  // With the most common beginning, in the package "test".
  const google::protobuf::FileDescriptor& AddProto3(const std::string& path,
                                                    absl::string_view text);

 private:
  google::protobuf::DescriptorPool pool_;
};

// A file of the source tree.
std::string ReadSourceFile(const std::string& path);

}  // namespace fdrpc::codegen

#endif  // FDRPC_TESTS_CODEGEN_PROTO_FILES_H_
