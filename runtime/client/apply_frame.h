#ifndef FDRPC_CLIENT_APPLY_FRAME_H_
#define FDRPC_CLIENT_APPLY_FRAME_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "client/channel_lock.h"
#include "client/pending_call.h"
#include "transport/frame.h"

namespace fdrpc {

// What the connection must do after a server's frame for one of its calls.
struct FrameEffect {
  enum class Action {
    kNone,
    kSend,       // the call may send more
    kFinish,     // the server has ended the call with `status`
    kAbandon,    // end the call with `status`
    kViolation,  // a protocol error, explained by `status`
  };

  Action action = Action::kNone;
  absl::Status status;
};

// Passes a frame to its call, and wakes the threads that wait for its content.
// Does not end the call.
FrameEffect ApplyFrame(PendingCall& call, IncomingFrame& frame,
                       ChannelLock& lock)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_APPLY_FRAME_H_
