#ifndef FDRPC_TESTS_CALLS_LINK_H_
#define FDRPC_TESTS_CALLS_LINK_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/caller.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {

class ClockedClient;

// The connection between a client and a server.
class Link {
 public:
  enum class Kind {
    kStreamSocket,
    kSeqpacketSocket,
    kDatagramSocket,
    kInProcess,
    kDatagrams,  // without a connection
  };
  // Whether it is a connection over a socket, which can have rings.
  static bool HasSocket(Kind kind) {
    return kind != Kind::kInProcess && kind != Kind::kDatagrams;
  }
  // Each of them that carries all kinds of calls.
  static constexpr Kind kAll[] = {Kind::kStreamSocket, Kind::kSeqpacketSocket,
                                  Kind::kDatagramSocket, Kind::kInProcess};
  // Those, and the one that carries unary and one-way calls.
  static constexpr Kind kWithDatagrams[] = {
      Kind::kStreamSocket, Kind::kSeqpacketSocket, Kind::kDatagramSocket,
      Kind::kInProcess, Kind::kDatagrams};

  // Borrows `server`.
  Link(Kind kind, Server& server) : kind_(kind), server_(server) {}

  // A channel to the server, which need not serve or have a socket yet.
  absl::StatusOr<Channel> NewChannel(const ChannelOptions& options = {}) const;
  // The same by the clock of the client's.
  std::shared_ptr<Caller> NewChannel(ClockedClient& client,
                                     const ChannelOptions& options = {}) const;
  // Lets the server accept connections once it serves.
  absl::Status Open();

 private:
  std::string address() const;

  const Kind kind_;
  Server& server_;
  TempDir dir_;
};

// For the names of tests.
std::string NameOf(Link::Kind kind);

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALLS_LINK_H_
