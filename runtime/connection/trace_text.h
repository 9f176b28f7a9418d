#ifndef FDRPC_CONNECTION_TRACE_TEXT_H_
#define FDRPC_CONNECTION_TRACE_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "os/trace.h"
#include "transport/frame.h"
#include "wire/frame_header.h"
#include "wire/frame_rules.h"

namespace fdrpc {

// What FDRPC_TRACE writes of calls and frames, in one form for both sides
// (docs/guide/tracing.md).

inline const char* NameOf(Side side) {
  return side == Side::kClient ? "client" : "server";
}

// "message of call 3, 120 bytes, 1 descriptor, half-close".
std::string DescribeFrame(const FrameHeader& header);

// Writes a line about a frame that `side` has sent or received, over what
// `over` says: "connection 1", "datagrams".
void TraceFrame(Side side, std::string_view over, bool sent,
                const FrameHeader& header);

// The same about the frame in a datagram, if frames are traced.
inline void TraceDatagram(Side side, bool sent, const FrameHeader& header) {
  if (Trace::Writes(Trace::kFrames)) {
    TraceFrame(side, "datagram", sent, header);
  }
}
inline void TraceSentDatagram(Side side, const OutgoingFrame& frame) {
  if (Trace::Writes(Trace::kFrames)) {
    TraceDatagram(side, /*sent=*/true, DecodeFrameHeader(frame.head.data()));
  }
}

// A call, from the moment when its side knows of it until its end. Costs a load
// at each of these if nothing is traced. Not synchronised.
class CallTrace {
 public:
  // `details` is called only if calls are traced: ", deadline in 5s".
  template <typename Details>
  CallTrace(Side side, std::string_view method, const Details& details)
      : side_(side) {
    if (Trace::Writes(kKinds)) Begin(method, details());
  }
  // A line about what happens to the call: "is call 3 of connection 1".
  template <typename Text>
  void Note(std::string_view method, const Text& text) const {
    if (number_ != 0 && Trace::Writes(Trace::kCalls)) Write(method, text());
  }
  // The end; a second one is not written.
  void End(std::string_view method, const absl::Status& status) {
    if (number_ != 0) WriteEnd(method, status);
  }
  // A call that a server refuses before it begins.
  static void Refused(std::string_view method, const absl::Status& status) {
    if (!Trace::Writes(kKinds)) return;
    CallTrace call(Side::kServer, method, [] { return std::string(); });
    call.End(method, status);
  }

 private:
  static constexpr uint32_t kKinds = Trace::kCalls | Trace::kStatuses;

  void Begin(std::string_view method, const std::string& details);
  void Write(std::string_view method, std::string_view text) const;
  void WriteEnd(std::string_view method, const absl::Status& status);

  const Side side_;
  uint64_t number_ = 0;  // in this process; 0: not traced
  MonotonicTime began_;
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_TRACE_TEXT_H_
