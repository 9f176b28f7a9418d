#include "grpc/message_bytes.h"

#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"

namespace fdrpc::grpc {

absl::Status Parse(const ::grpc::ByteBuffer& bytes,
                   google::protobuf::MessageLite& message) {
  // The reader takes a pointer to a buffer that it does not change.
  ::grpc::ProtoBufferReader reader(const_cast<::grpc::ByteBuffer*>(&bytes));
  if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat("the received bytes are not a ",
                                          std::string(message.GetTypeName())));
}

absl::Status Serialise(const google::protobuf::MessageLite& message,
                       ::grpc::ByteBuffer& bytes) {
  if (!message.IsInitialized()) {
    return absl::InvalidArgumentError(absl::StrCat(
        std::string(message.GetTypeName()),
        " lacks required fields: ", message.InitializationErrorString()));
  }
  const size_t size = message.ByteSizeLong();
  if (size > std::numeric_limits<int32_t>::max()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(std::string(message.GetTypeName()), " of ", size,
                     " bytes exceeds what Protocol Buffers can serialise"));
  }
  ::grpc::Slice slice(size);
  // A slice gives no other access to its memory, which nobody shares yet.
  if (!message.SerializeToArray(const_cast<uint8_t*>(slice.begin()),
                                static_cast<int>(size))) {
    return absl::InternalError(absl::StrCat(std::string(message.GetTypeName()),
                                            " cannot be serialised"));
  }
  ::grpc::ByteBuffer written(&slice, 1);
  bytes.Swap(&written);
  return absl::OkStatus();
}

}  // namespace fdrpc::grpc
