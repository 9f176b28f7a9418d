#ifndef FDRPC_CLIENT_APPLY_FRAME_H_
#define FDRPC_CLIENT_APPLY_FRAME_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "client/channel_lock.h"
#include "client/pending_call.h"
#include "transport/frame.h"

namespace fdrpc {

// What a server's frame asks of the connection that its call is on.
struct FrameEffect {
  enum class Action {
    kNone,
    kSend,       // the call may send more
    kFinish,     // the server has ended the call, with `status`
    kAbandon,    // the call cannot go on, because of `status`
    kViolation,  // the protocol forbids the frame, as `status` says
  };

  Action action = Action::kNone;
  absl::Status status;
};

// Takes a frame into the call that it is for, and wakes who waits for what it
// brings. Ends nothing.
FrameEffect ApplyFrame(PendingCall& call, IncomingFrame& frame,
                       ChannelLock& lock)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_APPLY_FRAME_H_
