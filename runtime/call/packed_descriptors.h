#ifndef FDRPC_CALL_PACKED_DESCRIPTORS_H_
#define FDRPC_CALL_PACKED_DESCRIPTORS_H_

#include "absl/status/status.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// INVALID_ARGUMENT, with the field, if an fdrpc.Fd that is packed in a
// google.protobuf.Any of `message`, at any depth, refers to a descriptor, since
// none can travel there. A packed message is searched if this program has its
// type. `message` is of the full runtime (Method::request_has_any,
// reply_has_any).
absl::Status CheckPackedDescriptors(
    const google::protobuf::MessageLite& message);

}  // namespace fdrpc

#endif  // FDRPC_CALL_PACKED_DESCRIPTORS_H_
