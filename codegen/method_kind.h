#ifndef FDRPC_CODEGEN_METHOD_KIND_H_
#define FDRPC_CODEGEN_METHOD_KIND_H_

#include "codegen/method_rules.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// One T for each kind of method that generated code treats differently.
template <typename T>
struct ByKind {
  T unary = {};
  T client_streaming = {};
  T server_streaming = {};
  T bidirectional = {};
  T one_way = {};

  const T& Of(const google::protobuf::MethodDescriptor& method) const {
    if (method.client_streaming()) {
      return method.server_streaming() ? bidirectional : client_streaming;
    }
    if (method.server_streaming()) return server_streaming;
    return IsOneWay(method) ? one_way : unary;
  }
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_METHOD_KIND_H_
