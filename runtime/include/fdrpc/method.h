#ifndef FDRPC_METHOD_H_
#define FDRPC_METHOD_H_

#include <iosfwd>
#include <string_view>

#include "fdrpc/internal/language.h"

namespace fdrpc {

enum class MethodKind {
  kUnary,
  kClientStreaming,
  kServerStreaming,
  kBidirectional,
};

// What the runtime knows of one method of a .proto service. Generated code
// defines one constant of static storage for each. Its name identifies the
// method; the constant is there as long as the library that has it, which calls
// of the method do not outlive.
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
  // Whether the type contains a google.protobuf.Any at any depth, and is not of
  // the lite runtime: what is packed there is looked through for descriptors,
  // which cannot travel in it.
  bool request_has_any = false;
  bool reply_has_any = false;

  // Which directions are streams of messages; the others have one message.
  bool streams_requests() const {
    return kind == MethodKind::kClientStreaming ||
           kind == MethodKind::kBidirectional;
  }
  bool streams_replies() const {
    return kind == MethodKind::kServerStreaming ||
           kind == MethodKind::kBidirectional;
  }
};

void PrintTo(const Method& method, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_METHOD_H_
