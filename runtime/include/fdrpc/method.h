#ifndef FDRPC_METHOD_H_
#define FDRPC_METHOD_H_

#include <iosfwd>
#include <string_view>

#include "fdrpc/internal/export.h"
#include "fdrpc/internal/language.h"

namespace fdrpc {

enum class MethodKind {
  kUnary,
  kClientStreaming,
  kServerStreaming,
  kBidirectional,
};

// The runtime's description of one method of a .proto service. Generated code
// defines a constant of static storage for each. The name identifies the
// method. The constant exists as long as the library that contains it, and
// calls of the method must end before that is unloaded.
struct Method {
  // "package.Service/Method", as in gRPC's paths without the leading slash.
  std::string_view full_name;
  MethodKind kind = MethodKind::kUnary;
  // Whether the type contains an fdrpc.Fd at any depth. If it does not,
  // descriptors that arrive are refused (docs/protocol.md, "Descriptors").
  bool request_has_descriptors = false;
  bool reply_has_descriptors = false;
  // A unary method without a reply and a status.
  bool one_way = false;
  // Whether the type contains a google.protobuf.Any at any depth, and is not of
  // the lite runtime: packed messages are then searched for descriptors, which
  // cannot travel in them.
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

FDRPC_API void PrintTo(const Method& method, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_METHOD_H_
