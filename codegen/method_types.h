#ifndef FDRPC_CODEGEN_METHOD_TYPES_H_
#define FDRPC_CODEGEN_METHOD_TYPES_H_

#include <string>

#include "absl/strings/string_view.h"
#include "codegen/descriptor_fields.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// What a method takes and gives, as generated code writes it.
struct MethodTypes {
  MethodTypes(const google::protobuf::MethodDescriptor& method,
              DescriptorFields& descriptor_fields);

  bool request_has_descriptors;
  bool reply_has_descriptors;

  // A message's own type, or its Parcel if it has descriptors.
  std::string request;
  std::string reply;
  // How a stub takes a request: a parcel by value, since its descriptors leave
  // the caller's hands.
  std::string sent_request;
  // How a handler takes it: it may take descriptors out of a parcel.
  std::string received_request;

  // `text` with its $request$, $reply$, $sent_request$ and $received_request$
  // replaced by these types.
  std::string FillIn(absl::string_view text) const;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_METHOD_TYPES_H_
