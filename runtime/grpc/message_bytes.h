#ifndef FDRPC_GRPC_MESSAGE_BYTES_H_
#define FDRPC_GRPC_MESSAGE_BYTES_H_

#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc::grpc {

// INTERNAL if the bytes are not a message of that type.
absl::Status Parse(const ::grpc::ByteBuffer& bytes,
                   google::protobuf::MessageLite& message);

// INVALID_ARGUMENT if required fields are missing, RESOURCE_EXHAUSTED beyond
// what Protocol Buffers can serialise.
absl::Status Serialise(const google::protobuf::MessageLite& message,
                       ::grpc::ByteBuffer& bytes);

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_MESSAGE_BYTES_H_
