#ifndef FDRPC_CONNECTION_MESSAGE_PIECES_H_
#define FDRPC_CONNECTION_MESSAGE_PIECES_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "google/protobuf/message_lite.h"
#include "transport/frame.h"

namespace fdrpc {

// A serialised message, cut into the contents of frames: kMaxPieceBytes each,
// except the last.
using MessagePieces = std::vector<std::vector<SharedBytes>>;

// Serialises a message, whose size has been computed, into one buffer for each
// piece.
MessagePieces SerialisePieces(const google::protobuf::MessageLite& message,
                              size_t bytes);

// The same for a message that does not change while the pieces exist: its large
// fields are not copied.
MessagePieces SharePieces(
    const std::shared_ptr<const google::protobuf::MessageLite>& message);

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_MESSAGE_PIECES_H_
