#include "server/client_offer.h"

#include <utility>

#include "os/background_close.h"
#include "os/inherited_socket.h"
#include "transport/socket_transport.h"

namespace fdrpc {
namespace {

// Why the socket of the offer cannot be had now; OK if it can.
absl::Status WhyAwaited(const IncomingFrame& frame,
                        ConnectionAccount& account) {
  if (frame.header.descriptor_count == 0) {
    return absl::ResourceExhaustedError(
        "the client offers services, but could not send the socket for calling "
        "them yet: it has reached its limit of open files, or too many "
        "descriptors of its user are in flight");
  }
  if (frame.descriptors_truncated) {
    return absl::ResourceExhaustedError(
        "the client offers services, but the socket for calling them did not "
        "arrive: this process has reached its limit of open files, or a "
        "security module refuses it");
  }
  return account.Charge(0, 1);
}

}  // namespace

ClientOffer::~ClientOffer() {
  End();
  if (charged_) account_->Release(0, 1);
}

absl::Status ClientOffer::Take(IncomingFrame& frame) {
  MutexLock lock(mu_);
  if (state_ == State::kEnded) return absl::OkStatus();
  if (state_ != State::kAwaited) {
    return absl::InvalidArgumentError("a second offer");
  }
  why_awaited_ = WhyAwaited(frame, *account_);
  if (!why_awaited_.ok()) return absl::OkStatus();
  charged_ = true;
  const int fd = frame.descriptors.front().get();
  const absl::StatusOr<SocketKind> kind = GetSocketKind(fd);
  if (!kind.ok() || kind->domain != AF_UNIX || !kind->connected ||
      kind->type == SOCK_DGRAM || !PrepareToPoll(fd).ok()) {
    return absl::InvalidArgumentError(
        "an offer of something else than a connected stream or seqpacket "
        "socket of the Unix domain");
  }
  type_ = kind->type;
  socket_ = std::move(frame.descriptors.front());
  state_ = State::kOffered;
  return absl::OkStatus();
}

absl::StatusOr<ClientOffer::User> ClientOffer::Open(Opener open) {
  MutexLock lock(mu_);
  switch (state_) {
    case State::kAwaited:
      return why_awaited_;
    case State::kEnded:
      return absl::UnavailableError(
          "the client's connection, on which it offered services, has ended");
    case State::kUsed:
      return user_;
    case State::kOffered:
      break;
  }
  RevocableTransport made =
      RevocableTransport::Of(CreateSocketTransport(std::move(socket_), type_));
  revoker_ = std::move(made.revoker);
  user_ = open(std::move(made.transport), *loop_);
  state_ = State::kUsed;
  return user_;
}

bool ClientOffer::awaits_socket() const {
  MutexLock lock(mu_);
  return state_ == State::kAwaited;
}

void ClientOffer::End() {
  UniqueFd socket;
  int type = 0;
  User user;
  TransportRevoker revoker;
  {
    MutexLock lock(mu_);
    state_ = State::kEnded;
    socket = std::move(socket_);
    type = type_;
    user = std::move(user_);
    revoker = std::move(revoker_);
  }
  if (socket.ok()) CloseDrained(std::move(socket), type != SOCK_STREAM);
}

ClientOffer* ClientOffer::Slot::Ended() {
  // Never destroyed: threads may use it after main().
  static ClientOffer& ended = *new ClientOffer;
  return &ended;
}

ClientOffer::Slot::~Slot() {
  ClientOffer* const offer = get();
  if (offer != nullptr && offer != Ended()) delete offer;
}

absl::Status ClientOffer::Slot::Take(IncomingFrame& frame, bool late,
                                     ConnectionAccount& account,
                                     const std::shared_ptr<LoopCore>& loop) {
  if (ClientOffer* const known = get()) {
    // The connection may have ended meanwhile.
    if (known == Ended()) return absl::OkStatus();
    if (frame.header.descriptor_count != 0) return known->Take(frame);
    return absl::InvalidArgumentError("a second offer");
  }
  if (late) return absl::InvalidArgumentError("an offer after the first call");
  std::unique_ptr<ClientOffer> made(new ClientOffer(account, loop));
  absl::Status taken = made->Take(frame);
  ClientOffer* none = nullptr;
  if (taken.ok() && offer_.compare_exchange_strong(none, made.get(),
                                                   std::memory_order_acq_rel)) {
    (void)made.release();
  }
  return taken;
}

bool ClientOffer::Slot::awaits_socket() const {
  const ClientOffer* const offer = get();
  return offer != nullptr && offer->awaits_socket();
}

void ClientOffer::Slot::End() {
  ClientOffer* offer = nullptr;
  if (!offer_.compare_exchange_strong(offer, Ended(),
                                      std::memory_order_acq_rel)) {
    offer->End();
  }
}

}  // namespace fdrpc
