#ifndef FDRPC_INTERNAL_MESSAGE_OWNER_H_
#define FDRPC_INTERNAL_MESSAGE_OWNER_H_

#include <memory>

#include "google/protobuf/message_lite.h"

namespace fdrpc::internal {

// Whose a message is that a call sends or takes in, if it may do more than read
// or write it.
class MessageOwner {
 public:
  virtual const google::protobuf::MessageLite& owned() = 0;
  // It is empty still, and a large message is about to be parsed into it.
  virtual void ExpectLarge() = 0;
  // Moves it, whose size has been computed and of which the owner has no more
  // need, to where it stays as it is while the pointer lives.
  virtual std::shared_ptr<const google::protobuf::MessageLite> Share() = 0;

 protected:
  ~MessageOwner() = default;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_MESSAGE_OWNER_H_
