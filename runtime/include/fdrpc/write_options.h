#ifndef FDRPC_WRITE_OPTIONS_H_
#define FDRPC_WRITE_OPTIONS_H_

#include "fdrpc/internal/language.h"

namespace fdrpc {

// Options for writing a message to a blocking stream.
struct WriteOptions {
  // More messages follow soon, so this one may wait and be sent with them in
  // one system call (gRPC's buffer hint): until some KiB have come together,
  // until a message is written without this option, or until the stream waits,
  // half-closes or ends.
  bool may_linger = false;
};

}  // namespace fdrpc

#endif  // FDRPC_WRITE_OPTIONS_H_
