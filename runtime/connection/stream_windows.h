#ifndef FDRPC_CONNECTION_STREAM_WINDOWS_H_
#define FDRPC_CONNECTION_STREAM_WINDOWS_H_

#include <algorithm>

#include "wire/limits.h"

namespace fdrpc {

// Brings the windows of streams within what the protocol guarantees and allows.
// `Options`: ChannelOptions or ServerOptions, which are of rooms above this
// one.
template <typename Options>
void ClampStreamWindows(Options& options) {
  options.stream_window_bytes = std::clamp(options.stream_window_bytes,
                                           kGuaranteedCreditBytes, kMaxCredit);
  options.stream_window_descriptors =
      std::clamp(options.stream_window_descriptors,
                 kGuaranteedCreditDescriptors, kMaxCredit);
}

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_STREAM_WINDOWS_H_
