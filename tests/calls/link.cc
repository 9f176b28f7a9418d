#include "tests/calls/link.h"

#include "fdrpc/in_process_channel.h"

namespace fdrpc::testing {

absl::StatusOr<Channel> Link::NewChannel(const ChannelOptions& options) const {
  return kind_ == Kind::kInProcess ? InProcessChannel(server_, options)
                                   : Channel::Connect(address(), options);
}

absl::Status Link::Open() {
  return kind_ == Kind::kInProcess ? absl::OkStatus()
                                   : server_.Listen(address());
}

std::string Link::address() const {
  return dir_.address("socket", kind_ == Kind::kStreamSocket ? "unix:"
                                : kind_ == Kind::kSeqpacketSocket
                                    ? "unix-seqpacket:"
                                    : "unix-dgram:");
}

std::string NameOf(Link::Kind kind) {
  switch (kind) {
    case Link::Kind::kStreamSocket:
      return "StreamSocket";
    case Link::Kind::kSeqpacketSocket:
      return "SeqpacketSocket";
    case Link::Kind::kDatagramSocket:
      return "DatagramSocket";
    case Link::Kind::kInProcess:
      return "InProcess";
  }
  return "";
}

}  // namespace fdrpc::testing
