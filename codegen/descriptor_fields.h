#ifndef FDRPC_CODEGEN_DESCRIPTOR_FIELDS_H_
#define FDRPC_CODEGEN_DESCRIPTOR_FIELDS_H_

#include <functional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// Whether `message` is fdrpc.Fd itself. Messages called Fd in other packages
// are not.
bool IsFd(const google::protobuf::Descriptor& message);

// The message type of `field`, for a map that of its values; null if it is not
// a message.
const google::protobuf::Descriptor* ValueMessage(
    const google::protobuf::FieldDescriptor& field);

// Whether `field` is an fdrpc.Fd, several of them, or a map of them.
bool HoldsFd(const google::protobuf::FieldDescriptor& field);

// Whether `message` is a google.protobuf.Any or has one in a field at any
// depth.
bool HasPackedMessages(const google::protobuf::Descriptor& message);

// Knows which message types contain an fdrpc.Fd at any depth: those have a
// Parcel. Remembers what it has found, so that asking for every type of a large
// file stays cheap.
class DescriptorFields {
 public:
  // Whether `message` is an fdrpc.Fd or has one in a field at any depth.
  // Extensions do not count: they are not part of a message's generated code.
  bool HasAny(const google::protobuf::Descriptor& message);

  // The messages of `file`, nested ones too, of which HasAny() is true, outer
  // ones before those that are nested in them.
  std::vector<const google::protobuf::Descriptor*> ParcelMessages(
      const google::protobuf::FileDescriptor& file);

 private:
  absl::flat_hash_map<const google::protobuf::Descriptor*, bool> known_;
};

// Calls `visit` for every message of `file`, nested ones too, outer ones before
// those that are nested in them. Not for map entries, which are no types of
// their own.
void ForEachMessage(
    const google::protobuf::FileDescriptor& file,
    const std::function<void(const google::protobuf::Descriptor&)>& visit);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_DESCRIPTOR_FIELDS_H_
