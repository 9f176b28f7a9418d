#ifndef FDRPC_SERVICES_CAPTURE_RELAYED_DATAGRAMS_H_
#define FDRPC_SERVICES_CAPTURE_RELAYED_DATAGRAMS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"
#include "os/ancillary.h"
#include "os/datagram_door.h"
#include "os/datagram_socket.h"
#include "os/random_numbers.h"
#include "os/socket_name.h"
#include "os/unix_address.h"
#include "services/capture/recording_writer.h"
#include "wire/datagram.h"

namespace fdrpc::capture {

// Calls without a connection: passes each client's datagram on to the server,
// from a socket of its own and with a key and a number of its own, and the
// answer back to the client. Drops what a server or a client would drop.
class RelayedDatagrams {
 public:
  // Borrows the writer. Errors of DatagramSocket::Create().
  static absl::StatusOr<std::unique_ptr<RelayedDatagrams>> Create(
      const UnixAddress& server, RecordingWriter& writer);

  // Takes a client's datagram, whose sender is known. False if the server's
  // queue is full: it is kept, for Retry(), and no other may be passed.
  bool Pass(ReceivedDatagram datagram);
  bool Retry();
  bool waits_for_room() const { return !waiting_.bytes.empty(); }

  // Readable when ReceiveAnswers() has something to do.
  int fd() const { return socket_.fd(); }
  void ReceiveAnswers();

 private:
  // Where the answer to a call goes.
  struct Call {
    SocketName client;
    DatagramTag tag;
    uid_t user;
  };
  struct Datagram {
    std::string bytes;
    std::vector<UniqueFd> fds;
  };

  RelayedDatagrams(DatagramSocket socket, uint64_t key, uint64_t number,
                   UniqueFd answers, RecordingWriter& writer);

  // Forgets the oldest call, after one of the user was added, if there are too
  // many: of all, of the user if it is a foreign one, or of foreign users.
  // These have half of the calls together, and one of them a quarter.
  void ForgetOne(uid_t user);
  void Record(Direction direction, const Datagram& datagram);
  void PassAnswer(Datagram answer);

  // More than the calls that clients wait for; older ones are forgotten.
  static constexpr size_t kMostCalls = 1024;

  const DatagramSocket socket_;
  const uint64_t key_;
  uint64_t number_;
  const UniqueFd answers_;  // sends them
  RecordingWriter& writer_;
  std::map<uint64_t, Call> calls_;  // by their number towards the server
  Datagram waiting_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_RELAYED_DATAGRAMS_H_
