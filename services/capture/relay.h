#ifndef FDRPC_SERVICES_CAPTURE_RELAY_H_
#define FDRPC_SERVICES_CAPTURE_RELAY_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"
#include "os/datagram_door.h"
#include "os/socket_listener.h"
#include "os/unix_address.h"
#include "services/capture/recording_writer.h"
#include "services/capture/relayed_connection.h"
#include "services/capture/relayed_datagrams.h"
#include "services/capture/relayed_users.h"

namespace fdrpc::capture {

// Accepts connections, makes one to a server for each, and records what passes
// between them. One thread does it all. Beyond the most connections, clients
// wait in the socket's queue. If the descriptors of this process run short, the
// connection that holds the most of them is ended: a client that piles them up
// harms itself alone. Foreign users have a part of everything (RelayedUsers).
class Relay {
 public:
  struct Settings {
    // Whether to accept clients of other users than root and this process's:
    // the server takes them all for this process.
    bool all_users = false;
    // Is told in a line what a user at a terminal should know.
    std::function<void(const std::string&)> notice = [](const std::string&) {};
  };

  // Borrows the writer.
  Relay(SocketListener listener, UnixAddress server, RecordingWriter& writer,
        Settings settings);

  // Runs until `stop` is readable, or the recording cannot be written: its
  // error.
  absl::Status Run(int stop);

 private:
  // A client whose connection to the server is not there yet, because the
  // server's queue is full.
  struct Waiting {
    uint32_t number;
    std::shared_ptr<RelayedUsers::Place> place;
    UniqueFd client;
    int type;
  };

  // Descriptors of connections: of own clients, and of foreign users.
  struct Held {
    size_t& Of(const RelayedUsers::User& user) {
      return user.is_foreign ? foreign : own;
    }
    size_t own = 0;
    size_t foreign = 0;
  };

  bool Accepts() const;
  void AcceptClients();
  // Takes what a client has sent to a datagram socket in place of a knock.
  void OnDatagram(ReceivedDatagram datagram);
  bool MayConnect(const PeerCredentials& peer) const;
  void Welcome(UniqueFd client);
  // False: try again later.
  bool Connect(Waiting& waiting);
  void ConnectWaiting();
  // Takes the socket of an offer of that connection.
  UniqueFd OnOffer(uint32_t connection,
                   std::shared_ptr<RelayedUsers::Place> place, UniqueFd socket);
  void RecordConnected(uint32_t number, int client, uint32_t offered_over);
  void RecordEnd(uint32_t number, const std::string& why);
  int Timeout() const;
  void MoveConnections(const std::vector<pollfd>& polled, size_t first);
  // For whom there are too few descriptors.
  enum class Shortage { kNone, kForeign, kAll };
  // Whether a connection of the user can take as many descriptors as it likes,
  // if those there are hold so many.
  Shortage ShortageFor(const RelayedUsers::User& user, Held held) const;
  // Ends a connection that holds descriptors: of those, foreign users or own
  // clients, that hold more together, of the user who holds the most of it. If
  // only the foreign users' part is used up, one of theirs, or none.
  void EndLargestHolder(Shortage shortage);

  const SocketListener listener_;
  const UnixAddress server_;
  RecordingWriter& writer_;
  const Settings settings_;
  const size_t most_descriptors_;
  const size_t most_connections_;
  RelayedUsers users_;
  uint32_t last_number_ = 0;
  bool accept_failed_ = false;  // try again after a while
  // Null if there can be none: the server's socket is no datagram socket.
  std::unique_ptr<RelayedDatagrams> datagrams_;
  bool has_noticed_datagrams_ = false;
  std::vector<char> datagram_buffer_;
  std::list<Waiting> waiting_;
  std::list<RelayedConnection> connections_;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_RELAY_H_
