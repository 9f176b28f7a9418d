#ifndef FDRPC_CODEGEN_METHOD_TYPES_H_
#define FDRPC_CODEGEN_METHOD_TYPES_H_

#include <string>

#include "absl/strings/string_view.h"
#include "codegen/descriptor_fields.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// The types of a method's request and reply, as generated code writes them.
struct MethodTypes {
  MethodTypes(const google::protobuf::MethodDescriptor& method,
              DescriptorFields& descriptor_fields);

  bool request_has_descriptors;
  bool reply_has_descriptors;

  // A message's own type, or its Parcel if it has descriptors.
  std::string request;
  std::string reply;
  // How a stub takes a request: a parcel by value, because the caller gives its
  // descriptors away.
  std::string sent_request;
  // How a handler takes a request: a parcel is mutable, so that descriptors can
  // be taken out.
  std::string received_request;

  // `text`, with $request$, $reply$, $sent_request$ and $received_request$
  // replaced by these types.
  std::string FillIn(absl::string_view text) const;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_METHOD_TYPES_H_
