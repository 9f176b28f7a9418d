#include "tests/calls/link.h"

#include "fdrpc/in_process_channel.h"

namespace fdrpc::testing {

absl::StatusOr<Channel> Link::NewChannel(const ChannelOptions& options) const {
  return kind_ == Kind::kInProcess ? InProcessChannel(server_, options)
                                   : Channel::Connect(dir_.address(), options);
}

absl::Status Link::Open() {
  return kind_ == Kind::kInProcess ? absl::OkStatus()
                                   : server_.Listen(dir_.address());
}

std::string NameOf(Link::Kind kind) {
  return kind == Link::Kind::kInProcess ? "InProcess" : "StreamSocket";
}

}  // namespace fdrpc::testing
