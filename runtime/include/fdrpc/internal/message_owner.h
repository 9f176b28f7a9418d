#ifndef FDRPC_INTERNAL_MESSAGE_OWNER_H_
#define FDRPC_INTERNAL_MESSAGE_OWNER_H_

#include <memory>

#include "fdrpc/internal/export.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc::internal {

// The owner of a message that a call sends or receives, if the call may do more
// than read or write the message.
class FDRPC_API MessageOwner {
 public:
  virtual const google::protobuf::MessageLite& owned() = 0;
  // The message is still empty, and a large message is about to be parsed into
  // it.
  virtual void ExpectLarge() = 0;
  // Moves the message, whose size has been computed and which its owner does
  // not need any more, to a place where it does not change while the pointer
  // exists.
  virtual std::shared_ptr<const google::protobuf::MessageLite> Share() = 0;

 protected:
  ~MessageOwner() = default;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_MESSAGE_OWNER_H_
