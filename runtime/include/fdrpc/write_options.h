#ifndef FDRPC_WRITE_OPTIONS_H_
#define FDRPC_WRITE_OPTIONS_H_

#include "fdrpc/internal/language.h"

namespace fdrpc {

// How a blocking stream writes a message.
struct WriteOptions {
  // More follows soon, so this message may stay here for a while, to go in one
  // system call with those behind it (gRPC's buffer hint): until some KiB have
  // come together, a message is written without this, or the stream waits,
  // half-closes or ends.
  bool may_linger = false;
};

}  // namespace fdrpc

#endif  // FDRPC_WRITE_OPTIONS_H_
