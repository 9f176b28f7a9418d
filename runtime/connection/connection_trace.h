#ifndef FDRPC_CONNECTION_CONNECTION_TRACE_H_
#define FDRPC_CONNECTION_CONNECTION_TRACE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "connection/trace_text.h"
#include "os/trace.h"
#include "transport/frame.h"
#include "wire/frame_rules.h"
#include "wire/hello.h"

namespace fdrpc {

// What FDRPC_TRACE writes of one connection, as seen by `side`. Any thread.
class ConnectionTrace {
 public:
  // `socket` is the connection's.
  ConnectionTrace(Side side, int socket) : side_(side) {
    if (Trace::Writes(Trace::kConnections | Trace::kFrames | Trace::kCalls)) {
      Begin(socket);
    }
  }

  // "connection 3"; numbered in this process. Only if something is traced.
  std::string name() const;

  void OnHello(const Hello& hello) const {
    if (Trace::Writes(Trace::kConnections)) WriteHello(hello);
  }
  void OnEnd(std::string_view what, const absl::Status& why) const {
    if (Trace::Writes(Trace::kConnections)) WriteEnd(what, why);
  }
  void OnReceived(const FrameHeader& header) const {
    if (Trace::Writes(Trace::kFrames)) WriteFrame(/*sent=*/false, header);
  }
  void OnSent(absl::Span<const FrameToSend> frames) const {
    if (Trace::Writes(Trace::kFrames)) WriteSent(frames);
  }

 private:
  void Begin(int socket);
  void Write(std::string_view text) const;
  void WriteHello(const Hello& hello) const;
  void WriteEnd(std::string_view what, const absl::Status& why) const;
  void WriteFrame(bool sent, const FrameHeader& header) const;
  void WriteSent(absl::Span<const FrameToSend> frames) const;

  const Side side_;
  uint64_t number_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_CONNECTION_TRACE_H_
