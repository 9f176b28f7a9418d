#ifndef FDRPC_CODEGEN_CC_NAMES_H_
#define FDRPC_CODEGEN_CC_NAMES_H_

// The names that generated code uses for files, and for what protoc's own C++
// generator has made of them.

#include <string>

#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// "x/a.fdrpc.h", "x/a.fdrpc.cc", "x/a.mock.fdrpc.h" and "x/a.pb.h" for
// x/a.proto.
std::string HeaderPath(const google::protobuf::FileDescriptor& file);
std::string SourcePath(const google::protobuf::FileDescriptor& file);
std::string MockHeaderPath(const google::protobuf::FileDescriptor& file);
std::string MessageHeaderPath(const google::protobuf::FileDescriptor& file);

// Different for different paths, even if they differ only in a '/' and a '_' or
// in case. The mock header's guard differs from all of those.
std::string IncludeGuard(const google::protobuf::FileDescriptor& file);
std::string MockIncludeGuard(const google::protobuf::FileDescriptor& file);

// "::foo::bar::Outer_Inner".
std::string MessageType(const google::protobuf::Descriptor& message);
// "::fdrpc::Parcel<::foo::bar::Outer_Inner>".
std::string ParcelType(const google::protobuf::Descriptor& message);

// "::foo::bar::Store".
std::string ServiceType(const google::protobuf::ServiceDescriptor& service);

// The stem of protoc's accessors of the field: "file" for has_file().
std::string FieldStem(const google::protobuf::FieldDescriptor& field);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_CC_NAMES_H_
