#ifndef FDRPC_CODEGEN_EMBEDDED_FILES_H_
#define FDRPC_CODEGEN_EMBEDDED_FILES_H_

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// `file` and all that it imports, each behind its own imports, as reflection
// shows them: with those places of the source that have a comment, and without
// comments in the files of Protocol Buffers and of fdrpc, which everybody has.
// Not google/protobuf/descriptor.proto, which every program with reflection
// contains.
google::protobuf::FileDescriptorSet EmbeddedFiles(
    const google::protobuf::FileDescriptor& file);

// The function that PrintEmbeddedFiles() defines:
// "::fdrpc::internal::DescriptorFiles_x".
std::string EmbeddedFilesFunction(const google::protobuf::FileDescriptor& file);

// Defines a function that returns the serialised EmbeddedFiles(). Generated
// code of several files may be compiled as one source.
void PrintEmbeddedFiles(google::protobuf::io::Printer& printer,
                        const google::protobuf::FileDescriptor& file);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_EMBEDDED_FILES_H_
