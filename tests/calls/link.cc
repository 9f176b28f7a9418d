#include "tests/calls/link.h"

#include <utility>

#include "fdrpc/in_process_channel.h"
#include "inprocess/in_process_connector.h"
#include "tests/support/clocked_client.h"

namespace fdrpc::testing {

absl::StatusOr<Channel> Link::NewChannel(const ChannelOptions& options) const {
  if (kind_ == Kind::kInProcess) return InProcessChannel(server_, options);
  ChannelOptions own = options;
  own.connectionless = kind_ == Kind::kDatagrams;
  return Channel::Connect(address(), own);
}

std::shared_ptr<Caller> Link::NewChannel(ClockedClient& client,
                                         const ChannelOptions& options) const {
  if (kind_ != Kind::kInProcess) return client.NewChannel(address(), options);
  absl::StatusOr<InProcessConnector> connector =
      InProcessConnector::Create(server_);
  if (!connector.ok()) return nullptr;
  return client.NewChannel(*std::move(connector), options);
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
    case Link::Kind::kDatagrams:
      return "Datagrams";
  }
  return "";
}

}  // namespace fdrpc::testing
