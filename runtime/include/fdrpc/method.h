#ifndef FDRPC_METHOD_H_
#define FDRPC_METHOD_H_

#include <string_view>

namespace fdrpc {

enum class MethodKind {
  kUnary,
  kClientStreaming,
  kServerStreaming,
  kBidirectional,
};

// What the runtime knows of one method of a .proto service. Generated code
// defines one constant of static storage for each; its address identifies the
// method within the process.
struct Method {
  // "package.Service/Method", as in gRPC's paths without the leading slash.
  std::string_view full_name;
  MethodKind kind = MethodKind::kUnary;
  // Whether the type contains an fdrpc.Fd at any depth. Where it does not,
  // descriptors that arrive are refused (docs/protocol.md, "Descriptors").
  bool request_has_descriptors = false;
  bool reply_has_descriptors = false;
  // A unary method of which a client hears nothing once its request has gone:
  // neither a reply nor a status.
  bool one_way = false;
};

}  // namespace fdrpc

#endif  // FDRPC_METHOD_H_
