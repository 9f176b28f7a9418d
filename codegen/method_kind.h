#ifndef FDRPC_CODEGEN_METHOD_KIND_H_
#define FDRPC_CODEGEN_METHOD_KIND_H_

#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// One T for each kind of method.
template <typename T>
struct ByKind {
  T unary;
  T client_streaming;
  T server_streaming;
  T bidirectional;

  const T& Of(const google::protobuf::MethodDescriptor& method) const {
    if (method.client_streaming()) {
      return method.server_streaming() ? bidirectional : client_streaming;
    }
    return method.server_streaming() ? server_streaming : unary;
  }
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_METHOD_KIND_H_
