#include "services/capture/relay.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <tuple>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "os/background_close.h"
#include "os/inherited_socket.h"
#include "os/local_socket.h"
#include "os/open_files.h"
#include "transport/socket_transport.h"
#include "wire/datagram.h"
#include "wire/limits.h"

namespace fdrpc::capture {
namespace {

// Sockets of a connection, with those for calls back.
constexpr size_t kSocketsOfConnection = 4;
// For everything else.
constexpr size_t kOwnDescriptors = 64;
constexpr size_t kMostConnections = 256;

constexpr int kMostAccepted = 16;
constexpr int kRetryMs = 10;
constexpr int kPauseMs = 100;

// What this process may have open, all in all.
size_t MostDescriptors() {
  RaiseOpenFilesLimit();
  return OpenFilesLimit();
}

// Half of the descriptors is for sockets.
size_t MostConnections(size_t descriptors) {
  const size_t shared = descriptors - std::min(descriptors, kOwnDescriptors);
  return std::clamp<size_t>(shared / 2 / kSocketsOfConnection, 1,
                            kMostConnections);
}

}  // namespace

Relay::Relay(SocketListener listener, UnixAddress server,
             RecordingWriter& writer, Settings settings)
    : listener_(std::move(listener)),
      server_(std::move(server)),
      writer_(writer),
      settings_(std::move(settings)),
      most_descriptors_(MostDescriptors()),
      most_connections_(MostConnections(most_descriptors_)),
      users_(most_connections_, most_descriptors_) {
  if (!listener_.receives_datagrams()) return;
  datagram_buffer_.resize(kMaxPacketBytes);
  if (server_.type() != SOCK_DGRAM) return;
  auto datagrams = RelayedDatagrams::Create(server_, writer_);
  if (datagrams.ok()) datagrams_ = *std::move(datagrams);
}

bool Relay::Accepts() const {
  if (datagrams_ != nullptr && datagrams_->waits_for_room()) return false;
  return !accept_failed_ && users_.connections() < most_connections_;
}

absl::Status Relay::Run(int stop) {
  std::vector<pollfd> polled;
  bool stopped = false;
  while (!stopped) {
    polled = {
        {.fd = stop, .events = POLLIN, .revents = 0},
        {.fd = Accepts() ? listener_.fd() : -1, .events = POLLIN, .revents = 0},
        {.fd = datagrams_ == nullptr ? -1 : datagrams_->fd(),
         .events = POLLIN,
         .revents = 0}};
    const size_t first = polled.size();
    for (const RelayedConnection& connection : connections_) {
      connection.Poll(polled);
    }
    // Everything is recorded before the relay sleeps.
    absl::Status written = writer_.Flush();
    if (!written.ok()) return written;
    if (poll(polled.data(), polled.size(), Timeout()) < 0 && errno != EINTR) {
      return absl::ErrnoToStatus(errno, "poll");
    }
    stopped = polled[0].revents != 0;
    accept_failed_ = false;
    MoveConnections(polled, first);
    // Descriptors that clients sent are not closed here, where that could
    // block.
    const BackgroundCloseScope scope;
    ConnectWaiting();
    if (polled[2].revents != 0) datagrams_->ReceiveAnswers();
    if (datagrams_ != nullptr && datagrams_->waits_for_room()) {
      datagrams_->Retry();
    }
    if (polled[1].revents != 0) AcceptClients();
  }
  for (const RelayedConnection& connection : connections_) {
    RecordEnd(connection.number(), "the recording has ended");
  }
  return writer_.Flush();
}

int Relay::Timeout() const {
  if (!waiting_.empty() ||
      (datagrams_ != nullptr && datagrams_->waits_for_room())) {
    return kRetryMs;
  }
  const bool pauses =
      accept_failed_ || std::any_of(connections_.begin(), connections_.end(),
                                    [](const auto& connection) {
                                      return connection.is_paused();
                                    });
  return pauses ? kPauseMs : -1;
}

void Relay::MoveConnections(const std::vector<pollfd>& polled, size_t first) {
  Held held;
  for (const RelayedConnection& connection : connections_) {
    held.Of(connection.user()) += connection.held();
  }
  Shortage shortage = Shortage::kNone;
  // Those that are added meanwhile, for calls back, are at the end.
  size_t left = (polled.size() - first) / RelayedConnection::kPolled;
  const pollfd* of_connection = polled.data() + first;
  for (auto connection = connections_.begin(); left > 0; --left) {
    // One that was paused did not poll.
    const bool is_ready =
        std::any_of(of_connection, of_connection + RelayedConnection::kPolled,
                    [](const pollfd& side) { return side.revents != 0; }) ||
        (of_connection[0].fd < 0 && of_connection[1].fd < 0);
    std::string end;
    if (is_ready) {
      const Shortage found = ShortageFor(connection->user(), held);
      shortage = std::max(shortage, found);
      if (found == Shortage::kNone) {
        size_t& of_those = held.Of(connection->user());
        of_those -= connection->held();
        end = connection->Move(of_connection);
        of_those += connection->held();
      } else {
        connection->Pause();
      }
    }
    of_connection += RelayedConnection::kPolled;
    if (end.empty()) {
      ++connection;
    } else {
      RecordEnd(connection->number(), end);
      const BackgroundCloseScope scope;
      connection = connections_.erase(connection);
    }
  }
  if (shortage != Shortage::kNone) EndLargestHolder(shortage);
}

Relay::Shortage Relay::ShortageFor(const RelayedUsers::User& user,
                                   Held held) const {
  const size_t sockets =
      kOwnDescriptors + kSocketsOfConnection * users_.connections();
  // Those that connections have left behind count, too.
  const size_t foreign = held.foreign + users_.foreign_closes();
  const size_t all = held.own + held.foreign + BackgroundClosesPending();
  const size_t room = most_descriptors_ - std::min(sockets, most_descriptors_);
  // If nobody holds any, waiting would be for nothing.
  if (user.is_foreign && foreign > 0 &&
      foreign + RelayedConnection::kMostTaken > room / 2) {
    return Shortage::kForeign;
  }
  return all == 0 || all + RelayedConnection::kMostTaken <= room
             ? Shortage::kNone
             : Shortage::kAll;
}

void Relay::EndLargestHolder(Shortage shortage) {
  Held held = {.own = 0, .foreign = users_.foreign_closes()};
  std::map<uid_t, size_t> of_users;
  for (const RelayedConnection& connection : connections_) {
    held.Of(connection.user()) += connection.held();
    of_users[connection.user().uid] += connection.held();
  }
  const bool of_foreign =
      shortage == Shortage::kForeign || held.foreign > held.own;
  const auto rank = [&](const RelayedConnection& connection) {
    return std::tuple(connection.user().is_foreign == of_foreign,
                      connection.held() > 0, of_users[connection.user().uid],
                      connection.held());
  };
  const auto largest = std::max_element(
      connections_.begin(), connections_.end(),
      [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  // If what they sent is being closed, they wait for that.
  if (largest == connections_.end() || largest->held() == 0 ||
      largest->user().is_foreign != of_foreign) {
    return;
  }
  RecordEnd(largest->number(),
            "the relay is short of descriptors, of which this connection held "
            "the most");
  const BackgroundCloseScope scope;
  connections_.erase(largest);
}

void Relay::AcceptClients() {
  for (int i = 0; i < kMostAccepted && Accepts(); ++i) {
    ReceivedDatagram datagram;
    SocketListener::AcceptResult accepted =
        listener_.receives_datagrams()
            ? listener_.Accept(absl::MakeSpan(datagram_buffer_), datagram)
            : listener_.Accept();
    switch (accepted.error) {
      case 0:
        Welcome(std::move(accepted.socket));
        break;
      case EAGAIN:
        return;
      case ECONNABORTED:
        break;
      case EBADMSG:
        OnDatagram(std::move(datagram));
        break;
      default:
        accept_failed_ = true;
    }
  }
}

void Relay::OnDatagram(ReceivedDatagram datagram) {
  if (!datagram.bytes.starts_with(kDatagramCallMagic)) return;
  if (datagrams_ == nullptr) {
    if (std::exchange(has_noticed_datagrams_, true)) return;
    return settings_.notice(
        "calls without a connection are dropped, because the server's address "
        "is not of unix-dgram:");
  }
  const auto& sender = datagram.set.sender;
  if (!sender.has_value() || !MayConnect(*sender)) return;
  datagrams_->Pass(std::move(datagram));
}

bool Relay::MayConnect(const PeerCredentials& peer) const {
  return settings_.all_users || !RelayedUsers::IsForeign(peer.uid);
}

void Relay::Welcome(UniqueFd client) {
  const auto peer = GetPeerCredentials(client.get());
  if (!peer.ok()) return;
  absl::StatusOr<std::shared_ptr<RelayedUsers::Place>> place =
      absl::PermissionDeniedError(
          "the client is of another user, and --all-users is not given");
  if (MayConnect(*peer)) place = users_.Admit(peer->uid);
  if (place.ok() && *place == nullptr) return;
  const uint32_t number = ++last_number_;
  RecordConnected(number, client.get(), 0);
  if (!place.ok()) {
    return RecordEnd(number, std::string(place.status().message()));
  }
  Waiting waiting = {.number = number,
                     .place = *std::move(place),
                     .client = std::move(client),
                     .type = listener_.accepted_type()};
  if (!Connect(waiting)) waiting_.push_back(std::move(waiting));
}

bool Relay::Connect(Waiting& waiting) {
  absl::StatusOr<UniqueFd> server = ConnectSocket(server_);
  if (server.ok() && !server->ok()) return false;
  if (!server.ok()) {
    const std::string why = absl::StrCat(
        "there is no connection to the server: ", server.status().message());
    RecordEnd(waiting.number, why);
    settings_.notice(absl::StrCat("connection ", waiting.number, ": ", why));
    waiting.client.Reset();
    return true;
  }
  const uint32_t number = waiting.number;
  connections_.emplace_back(
      number, waiting.place,
      CreateSocketTransport(std::move(waiting.client), waiting.type),
      CreateSocketTransport(*std::move(server), ConnectionType(server_.type())),
      writer_, [this, number, place = waiting.place](UniqueFd socket) {
        return OnOffer(number, place, std::move(socket));
      });
  return true;
}

void Relay::ConnectWaiting() {
  waiting_.remove_if([this](Waiting& waiting) { return Connect(waiting); });
}

UniqueFd Relay::OnOffer(uint32_t connection,
                        std::shared_ptr<RelayedUsers::Place> place,
                        UniqueFd socket) {
  const absl::StatusOr<SocketKind> kind = GetSocketKind(socket.get());
  if (!kind.ok() || kind->domain != AF_UNIX || !kind->connected ||
      (kind->type != SOCK_STREAM && kind->type != SOCK_SEQPACKET) ||
      !PrepareToPoll(socket.get()).ok()) {
    return socket;  // a mistake, which the server notices
  }
  absl::StatusOr<std::pair<UniqueFd, UniqueFd>> pair = NewSocketPair();
  if (!pair.ok()) return socket;
  // Over it, the server is the client.
  const uint32_t number = ++last_number_;
  RecordConnected(number, pair->first.get(), connection);
  // An offer over that is passed on as it is: a connection has one of its own.
  connections_.emplace_back(
      number, std::move(place),
      CreateSocketTransport(std::move(pair->first), SOCK_STREAM),
      CreateSocketTransport(std::move(socket), kind->type), writer_,
      [](UniqueFd offered) { return offered; });
  return std::move(pair->second);
}

void Relay::RecordConnected(uint32_t number, int client,
                            uint32_t offered_over) {
  PeerCredentials peer;
  if (const auto known = GetPeerCredentials(client); known.ok()) peer = *known;
  std::string content;
  AppendLittleEndian(content, static_cast<uint32_t>(peer.pid));
  AppendLittleEndian(content, static_cast<uint32_t>(peer.uid));
  AppendLittleEndian(content, static_cast<uint32_t>(peer.gid));
  AppendLittleEndian(content, offered_over);
  writer_.Add(RecordKind::kConnected, Direction::kFromClient, number, {},
              content);
}

void Relay::RecordEnd(uint32_t number, const std::string& why) {
  writer_.Add(RecordKind::kEnded, Direction::kNone, number, {}, why);
}

}  // namespace fdrpc::capture
