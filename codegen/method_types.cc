#include "codegen/method_types.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
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
      reply(SentType(*method.output_type(), reply_has_descriptors)) {
  const std::string borrowed = absl::StrCat("const ", request, "&");
  sent_request = request_has_descriptors ? request : borrowed;
  received_request = request_has_descriptors ? request + "&" : borrowed;
}

std::string MethodTypes::FillIn(absl::string_view text) const {
  return absl::StrReplaceAll(text, {{"$request$", request},
                                    {"$reply$", reply},
                                    {"$sent_request$", sent_request},
                                    {"$received_request$", received_request}});
}

}  // namespace fdrpc::codegen
