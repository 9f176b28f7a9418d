#include "codegen/method_types.h"

#include "codegen/cc_names.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::MethodDescriptor;

std::string SentType(const Descriptor& message, bool has_descriptors) {
  return has_descriptors ? ParcelType(message) : MessageType(message);
}

}  // namespace

MethodTypes::MethodTypes(const MethodDescriptor& method,
                         DescriptorFields& descriptor_fields)
    : request_has_descriptors(descriptor_fields.HasAny(*method.input_type())),
      reply_has_descriptors(descriptor_fields.HasAny(*method.output_type())),
      request(SentType(*method.input_type(), request_has_descriptors)),
      reply(SentType(*method.output_type(), reply_has_descriptors)) {}

bool IsUnary(const MethodDescriptor& method) {
  return !method.client_streaming() && !method.server_streaming();
}

std::string MethodKindName(const MethodDescriptor& method) {
  if (IsUnary(method)) return "kUnary";
  if (!method.server_streaming()) return "kClientStreaming";
  if (!method.client_streaming()) return "kServerStreaming";
  return "kBidirectional";
}

std::string MethodKindProse(const MethodDescriptor& method) {
  if (IsUnary(method)) return "unary";
  if (!method.server_streaming()) return "client-streaming";
  if (!method.client_streaming()) return "server-streaming";
  return "bidirectional";
}

}  // namespace fdrpc::codegen
