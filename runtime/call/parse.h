#ifndef FDRPC_CALL_PARSE_H_
#define FDRPC_CALL_PARSE_H_

#include "absl/status/status.h"
#include "call/message_assembler.h"
#include "fdrpc/caller.h"

namespace fdrpc {

// Parses `received` into `message`, and gives it its descriptors. After an
// error they are closed: INTERNAL (as in gRPC) if the bytes are not a message
// of the type, or the slots do not match the descriptors; INVALID_ARGUMENT or
// another error of ParcelBase::Accept() if they break the fields' rules.
absl::Status ParseReceived(ReceivedMessage&& received, IncomingMessage message);

// The same on a client, where nothing is wrong with an argument: INTERNAL if
// the reply breaks a rule.
absl::Status ParseReply(ReceivedMessage&& received, IncomingMessage message);

}  // namespace fdrpc

#endif  // FDRPC_CALL_PARSE_H_
