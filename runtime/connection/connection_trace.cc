#include "connection/connection_trace.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "os/socket_text.h"

namespace fdrpc {

std::string ConnectionTrace::name() const {
  return absl::StrCat("connection ", number_);
}

void ConnectionTrace::Begin(int socket) {
  static std::atomic<uint64_t> last{0};
  number_ = last.fetch_add(1, std::memory_order_relaxed) + 1;
  if (!Trace::Writes(Trace::kConnections)) return;
  const bool accepted = side_ == Side::kServer;
  Write(absl::StrCat(accepted ? "accepted at " : "to ",
                     DescribeConnection(socket, accepted)));
}

void ConnectionTrace::Write(std::string_view text) const {
  Trace::Line(
      absl::StrCat(NameOf(side_), " ", name(), ": ", std::string(text)));
}

void ConnectionTrace::WriteHello(const Hello& hello) const {
  Write(absl::StrCat("hello of the peer: version ", hello.version,
                     ", messages up to ", hello.max_message_bytes,
                     " bytes and ", hello.max_descriptors, " descriptors",
                     (hello.features & Hello::kRings) != 0 ? ", rings" : ""));
}

void ConnectionTrace::WriteEnd(std::string_view what,
                               const absl::Status& why) const {
  Write(absl::StrCat(std::string(what), ": ",
                     absl::StatusCodeToString(why.code()), ": ",
                     std::string(why.message())));
}

void ConnectionTrace::WriteFrame(bool sent, const FrameHeader& header) const {
  TraceFrame(side_, name(), sent, header);
}

void ConnectionTrace::WriteSent(absl::Span<const FrameToSend> frames) const {
  for (const FrameToSend& frame : frames) {
    WriteFrame(/*sent=*/true, DecodeFrameHeader(frame.head.data()));
  }
}

}  // namespace fdrpc
