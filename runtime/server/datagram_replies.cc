#include "server/datagram_replies.h"

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "os/descriptor_flight.h"
#include "os/local_socket.h"
#include "os/syscalls.h"
#include "transport/send_error.h"

namespace fdrpc {
namespace {

// A user's sockets. Those for descriptors may together have an eighth of
// RLIMIT_NOFILE in flight, as a user's connections (ClientAccounts), since each
// may have a 32nd (DescriptorFlight). Those for plain answers hold this many
// times net.core.wmem_default of what the user has not read.
constexpr size_t kMostSocketsOfUser = 4;

// Whether the socket's own buffer is rather full (unix_writable in
// net/unix/af_unix.c).
bool BufferIsFull(int socket) {
  pollfd own = {.fd = socket, .events = POLLOUT, .revents = 0};
  const timespec at_once = {};
  return Syscalls::Get().ppoll(&own, 1, &at_once, nullptr) == 0;
}

absl::Status TooMany(std::string_view whose, size_t in_flight) {
  return absl::ResourceExhaustedError(
      absl::StrCat(std::string(whose), " has ", in_flight,
                   " descriptors of replies in datagrams to receive, and gets "
                   "no more before that: read the answers to former calls, or "
                   "make the call over a connection"));
}

// Whether everything that the socket has sent was received.
bool IsReceived(int socket) {
  int unreceived = 0;
  return Syscalls::Get().unreceived_bytes(socket, &unreceived) == 0 &&
         unreceived == 0;
}

}  // namespace

absl::StatusOr<std::shared_ptr<AnswerSocket>> DatagramReplies::NewSocket()
    const {
  absl::StatusOr<UniqueFd> made = NewLocalSocket(SOCK_DGRAM);
  if (!made.ok()) return made.status();
  return std::make_shared<AnswerSocket>(*std::move(made), owner_,
                                        DescriptorFlight::Receivers::kMany);
}

absl::Status DatagramReplies::Open() {
  MutexLock lock(mu_);
  if (socket_ != nullptr) return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<AnswerSocket>> made = NewSocket();
  if (made.ok()) socket_ = *std::move(made);
  return made.status();
}

DatagramReplies::Outcome DatagramReplies::Send(
    const DatagramSender& to, const OutgoingDatagram& datagram,
    absl::Span<const AttachedFd> descriptors, absl::Status& why) {
  IoResult io;
  if (to.pair != nullptr) {
    const std::optional<IoResult> sent =
        to.pair->SendCounted(datagram, nullptr);
    if (sent.has_value()) {
      io = *sent;
    } else {
      why = TooMany("the client of the pair", to.pair->in_flight());
    }
  } else if (descriptors.empty()) {
    io = SendPlain(to, datagram);
  } else {
    io = SendDescriptors(to, datagram, why);
  }
  if (!why.ok()) return Outcome::kRefused;
  if (io.error == 0) return Outcome::kSent;
  // EPERM is also the answer of a socket that receives from another one only;
  // the plain status, which follows, is then dropped.
  if (ConcernsFrameOnly(io.error, !descriptors.empty())) {
    why = Refusal(io.error, descriptors);
    return Outcome::kRefused;
  }
  return Outcome::kDropped;
}

IoResult DatagramReplies::SendPlain(const DatagramSender& to,
                                    const OutgoingDatagram& datagram) {
  std::shared_ptr<AnswerSocket> socket;
  {
    MutexLock lock(mu_);
    CloseIdle(plain_);
    socket = socket_;
  }
  const IoResult io = socket->Send(datagram, &to.name);
  return io.error == EAGAIN && BufferIsFull(socket->fd())
             ? SendFromOwn(to, datagram)
             : io;
}

IoResult DatagramReplies::SendFromOwn(const DatagramSender& to,
                                      const OutgoingDatagram& datagram) {
  MutexLock lock(mu_);
  UserSockets& sockets = plain_[to.user];
  for (const auto& socket : sockets) {
    const IoResult io = socket->Send(datagram, &to.name);
    if (io.error != EAGAIN || !BufferIsFull(socket->fd())) return io;
  }
  if (sockets.size() >= kMostSocketsOfUser) return {.error = EAGAIN};
  absl::StatusOr<std::shared_ptr<AnswerSocket>> made = NewSocket();
  if (!made.ok()) return {.error = EAGAIN};
  sockets.push_back(*std::move(made));
  return sockets.back()->Send(datagram, &to.name);
}

IoResult DatagramReplies::SendDescriptors(const DatagramSender& to,
                                          const OutgoingDatagram& datagram,
                                          absl::Status& why) {
  MutexLock lock(mu_);
  CloseIdle(plain_);
  UserSockets& sockets = CountedSocketsOf(to.user);
  size_t in_flight = 0;
  for (const auto& socket : sockets) {
    const std::optional<IoResult> sent =
        socket->SendCounted(datagram, &to.name);
    if (sent.has_value()) return *sent;
    in_flight += socket->in_flight();
  }
  if (sockets.size() == kMostSocketsOfUser) {
    why = TooMany(absl::StrCat("user ", to.user), in_flight);
    return {};
  }
  absl::StatusOr<std::shared_ptr<AnswerSocket>> made = NewSocket();
  if (!made.ok()) {
    why = made.status();
    return {};
  }
  sockets.push_back(*std::move(made));
  // Always possible on a new one.
  return sockets.back()->SendCounted(datagram, &to.name).value_or(IoResult());
}

void DatagramReplies::CloseIdle(SocketsOfUsers& all) {
  absl::erase_if(all, [](auto& entry) {
    std::erase_if(entry.second,
                  [](const auto& socket) { return IsReceived(socket->fd()); });
    return entry.second.empty();
  });
}

DatagramReplies::UserSockets& DatagramReplies::CountedSocketsOf(uid_t user) {
  if (!counted_.contains(user)) CloseIdle(counted_);
  UserSockets& sockets = counted_[user];
  while (sockets.size() > 1 && IsReceived(sockets.back()->fd())) {
    sockets.pop_back();
  }
  return sockets;
}

}  // namespace fdrpc
