#ifndef FDRPC_SERVICES_CAPTURE_RELAYED_CONNECTION_H_
#define FDRPC_SERVICES_CAPTURE_RELAYED_CONNECTION_H_

#include <poll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fdrpc/unique_fd.h"
#include "os/background_close.h"
#include "services/capture/recording_writer.h"
#include "services/capture/relayed_direction.h"
#include "services/capture/relayed_users.h"
#include "transport/transport.h"
#include "wire/limits.h"

namespace fdrpc::capture {

// A client's connection to the relay and the relay's to the server: passes
// frames on in both directions, and records them. Owns both sockets.
//
// It changes two things. In both hellos it removes the features, so that all
// frames pass through the sockets (no rings), and versions that it does not
// know. And the socket of an offer is replaced.
class RelayedConnection {
 public:
  // Gives the socket to pass on in place of that of an offer, from which calls
  // back would not pass by; the same one if that is not possible.
  using OnOffer = std::function<UniqueFd(UniqueFd socket)>;

  // Borrows the writer.
  RelayedConnection(uint32_t number, std::shared_ptr<RelayedUsers::Place> place,
                    std::unique_ptr<Transport> client,
                    std::unique_ptr<Transport> server, RecordingWriter& writer,
                    OnOffer on_offer);

  uint32_t number() const { return number_; }
  const RelayedUsers::User& user() const { return place_->user(); }

  // Adds what it waits for: kPolled entries.
  static constexpr size_t kPolled = 2;
  void Poll(std::vector<pollfd>& polled) const;

  // The most descriptors that a Move() takes, beside those that are held().
  static constexpr size_t kMostTaken = 4 * kMaxFrameDescriptors;
  // The descriptors that it has beside its sockets, and beside those that are
  // being closed.
  size_t held() const;
  // Whether it waits for what poll(2) does not tell: descriptors of it are
  // being closed, or Pause() was called since the last Move().
  bool is_paused() const { return paused_ || waits_for_closes(); }
  void Pause() { paused_ = true; }

  // Moves what can be moved. `polled` is what Poll() has added, after poll(2).
  // Returns why the connection has ended; empty if it has not.
  std::string Move(const pollfd* polled);

 private:
  bool waits_for_closes() const;
  void OnFrame(Direction direction, IncomingFrame& frame);
  void OnHello(IncomingFrame& frame);

  const uint32_t number_;
  const std::shared_ptr<RelayedUsers::Place> place_;
  const std::unique_ptr<Transport> client_;
  const std::unique_ptr<Transport> server_;
  RecordingWriter& writer_;
  const OnOffer on_offer_;
  bool offered_ = false;
  bool paused_ = false;
  // The descriptors of this connection that are being closed; or those of all
  // connections of its user, if that is a foreign one.
  const std::shared_ptr<PendingCloses> closes_;
  RelayedDirection from_client_;
  RelayedDirection from_server_;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_RELAYED_CONNECTION_H_
