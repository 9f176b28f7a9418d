#ifndef FDRPC_CODEGEN_DESCRIPTOR_FIELDS_H_
#define FDRPC_CODEGEN_DESCRIPTOR_FIELDS_H_

#include <functional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// Whether `message` is fdrpc.Fd itself. A message that is called Fd in another
// package is not.
bool IsFd(const google::protobuf::Descriptor& message);

// The message type of `field`, or of its values if it is a map; null if that is
// not a message.
const google::protobuf::Descriptor* ValueMessage(
    const google::protobuf::FieldDescriptor& field);

// Whether `field` is an fdrpc.Fd, a repeated fdrpc.Fd, or a map to fdrpc.Fd.
bool HoldsFd(const google::protobuf::FieldDescriptor& field);

// Whether `message` is a google.protobuf.Any, or has one in a field at any
// depth.
bool HasPackedMessages(const google::protobuf::Descriptor& message);

// Finds the message types that contain an fdrpc.Fd at any depth, which are
// those with a Parcel. Caches its results, so that asking for every type of a
// large file is cheap.
class DescriptorFields {
 public:
  // Whether `message` is an fdrpc.Fd, or has one in a field at any depth.
  // Extensions do not count, because they are not part of a message's generated
  // code.
  bool HasAny(const google::protobuf::Descriptor& message);

  // The messages of `file` for which HasAny() is true, including nested ones,
  // each before those that are nested in it.
  std::vector<const google::protobuf::Descriptor*> ParcelMessages(
      const google::protobuf::FileDescriptor& file);

 private:
  absl::flat_hash_map<const google::protobuf::Descriptor*, bool> known_;
};

// Calls `visit` for every message of `file`, including nested ones, each before
// those that are nested in it. Not for map entries, which are not types of
// their own.
void ForEachMessage(
    const google::protobuf::FileDescriptor& file,
    const std::function<void(const google::protobuf::Descriptor&)>& visit);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_DESCRIPTOR_FIELDS_H_
