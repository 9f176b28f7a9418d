#include "tests/support/raw_peer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "gtest/gtest.h"

namespace fdrpc::testing {
namespace {

// Reached only by a test that fails.
constexpr int kGiveUpMs = 30'000;
constexpr size_t kPacketBytes = 64u << 10;
constexpr char kKnock[8] = {'F', 'D', 'R', 'D', 1, 0, 0, 0};
constexpr size_t kControlBytes =
    CMSG_SPACE(253 * sizeof(int)) + CMSG_SPACE(sizeof(ucred));

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  EXPECT_LT(path.size(), sizeof(address.sun_path));
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

void Put(msghdr& message, cmsghdr*& at, int type, const void* data,
         size_t bytes) {
  at->cmsg_level = SOL_SOCKET;
  at->cmsg_type = type;
  at->cmsg_len = CMSG_LEN(bytes);
  std::memcpy(CMSG_DATA(at), data, bytes);
  message.msg_controllen += CMSG_SPACE(bytes);
  at = reinterpret_cast<cmsghdr*>(reinterpret_cast<char*>(at) +
                                  CMSG_SPACE(bytes));
}

ssize_t SendMessage(int socket, const char* data, size_t size,
                    const std::vector<int>& fds, bool credentials, int flags) {
  iovec piece = {.iov_base = const_cast<char*>(data), .iov_len = size};
  alignas(cmsghdr) char control[kControlBytes] = {};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  auto* at = reinterpret_cast<cmsghdr*>(control);
  if (credentials) {
    const ucred own = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
    Put(message, at, SCM_CREDENTIALS, &own, sizeof(own));
  }
  if (!fds.empty()) {
    EXPECT_LE(fds.size(), 253u);
    Put(message, at, SCM_RIGHTS, fds.data(), fds.size() * sizeof(int));
  }
  if (message.msg_controllen == 0) message.msg_control = nullptr;
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

UniqueFd NewSocket(std::string_view scheme) {
  const int type = scheme == "unix:"             ? SOCK_STREAM
                   : scheme == "unix-seqpacket:" ? SOCK_SEQPACKET
                                                 : SOCK_DGRAM;
  UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(fd.ok());
  return fd;
}

bool HasPackets(int socket) {
  int type = 0;
  socklen_t length = sizeof(type);
  EXPECT_EQ(getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length), 0);
  return type == SOCK_SEQPACKET;
}

UniqueFd SealedFile(const std::string& content) {
  UniqueFd file(memfd_create("raw", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS,
                  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
            0);
  return file;
}

}  // namespace

RawPeer::RawPeer(UniqueFd socket)
    : socket_(std::move(socket)), packets_(HasPackets(socket_.get())) {}

RawPeer RawPeer::Connect(const std::string& path, std::string_view scheme) {
  UniqueFd fd = NewSocket(scheme);
  const sockaddr_un address = AddressOf(path);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                    sizeof(address)),
            0)
      << std::strerror(errno);
  if (scheme != "unix-dgram:") return RawPeer(std::move(fd));
  int ends[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  RawPeer peer{UniqueFd(ends[0])};
  const UniqueFd servers(ends[1]);
  EXPECT_EQ(
      SendMessage(fd.get(), kKnock, sizeof(kKnock), {servers.get()}, true, 0),
      8);
  return peer;
}

bool RawPeer::SendPacket(const std::string& bytes,
                         const std::vector<int>& fds) {
  while (true) {
    const ssize_t sent = SendMessage(socket_.get(), bytes.data(), bytes.size(),
                                     fds, false, MSG_DONTWAIT);
    if (sent >= 0) return true;
    if (sent == -EAGAIN && WaitFor(POLLOUT)) continue;
    EXPECT_TRUE(sent == -EAGAIN || sent == -EPIPE || sent == -ECONNRESET)
        << -sent;
    return false;
  }
}

bool RawPeer::Send(const std::string& bytes, const std::vector<int>& fds) {
  if (packets_ && bytes.size() <= kPacketBytes) return SendPacket(bytes, fds);
  if (packets_) {
    for (size_t at = 0; at < bytes.size();) {
      std::string frame =
          bytes.substr(at, RawFrame::kHeaderBytes + Read32(bytes, at));
      std::vector<int> its_fds = at == 0 ? fds : std::vector<int>();
      at += frame.size();
      UniqueFd sealed;
      if (frame.size() > kPacketBytes) {
        sealed = SealedFile(frame.substr(RawFrame::kHeaderBytes));
        frame.resize(RawFrame::kHeaderBytes);
        frame[9] = static_cast<char>(frame[9] | RawFrame::kSealed);
        its_fds.push_back(sealed.get());
        frame.replace(10, 2, Bytes16(static_cast<uint16_t>(its_fds.size())));
      }
      if (!SendPacket(frame, its_fds)) return false;
    }
    return true;
  }
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t sent =
        SendMessage(socket_.get(), bytes.data() + done, bytes.size() - done,
                    done == 0 ? fds : std::vector<int>(), false, MSG_DONTWAIT);
    if (sent == -EAGAIN) {
      if (!WaitFor(POLLOUT)) return false;
      continue;
    }
    if (sent < 0) {
      EXPECT_TRUE(sent == -EPIPE || sent == -ECONNRESET) << -sent;
      return false;
    }
    done += static_cast<size_t>(sent);
  }
  return true;
}

bool RawPeer::SendBytewise(const std::string& bytes,
                           const std::vector<int>& fds) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (!Send(bytes.substr(i, 1), i == 0 ? fds : std::vector<int>())) {
      return false;
    }
  }
  return true;
}

ssize_t RawPeer::TrySend(const std::string& bytes,
                         const std::vector<int>& fds) {
  return SendMessage(socket_.get(), bytes.data(), bytes.size(), fds, false,
                     MSG_DONTWAIT);
}

bool RawPeer::SendWithCredentials(const std::string& bytes,
                                  const std::vector<int>& fds) {
  return SendMessage(socket_.get(), bytes.data(), bytes.size(), fds, true, 0) ==
         static_cast<ssize_t>(bytes.size());
}

bool RawPeer::SendOutOfBand(const std::string& bytes) {
  return SendMessage(socket_.get(), bytes.data(), bytes.size(), {}, false,
                     MSG_OOB) == static_cast<ssize_t>(bytes.size());
}

void RawPeer::HalfClose() { shutdown(socket_.get(), SHUT_WR); }

bool RawPeer::WaitFor(short events) const {
  pollfd polled = {.fd = socket_.get(), .events = events, .revents = 0};
  int ready;
  do {
    ready = poll(&polled, 1, kGiveUpMs);
  } while (ready < 0 && errno == EINTR);
  EXPECT_EQ(ready, 1) << "the other side does nothing";
  return ready == 1;
}

bool RawPeer::Readable(std::chrono::milliseconds within) const {
  pollfd polled = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
  return poll(&polled, 1, static_cast<int>(within.count())) == 1;
}

ssize_t RawPeer::Receive(char* to, size_t size,
                         std::vector<UniqueFd>& descriptors) {
  if (packet_.empty()) {
    char packet[kPacketBytes];
    iovec piece = {.iov_base = packets_ ? packet : to,
                   .iov_len = packets_ ? sizeof(packet) : size};
    alignas(cmsghdr) char control[kControlBytes];
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t got =
        recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got <= 0) return got;
    EXPECT_EQ(message.msg_flags & (MSG_CTRUNC | MSG_TRUNC), 0);
    for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr;
         at = CMSG_NXTHDR(&message, at)) {
      EXPECT_EQ(at->cmsg_type, SCM_RIGHTS);
      for (size_t i = 0; i < (at->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(int));
        descriptors.emplace_back(fd);
      }
    }
    if (!packets_) return got;
    packet_.assign(packet, static_cast<size_t>(got));
  }
  const size_t taken = packet_.copy(to, size);
  packet_.erase(0, taken);
  return static_cast<ssize_t>(taken);
}

bool RawPeer::ReadBytes(size_t size, std::string& bytes,
                        std::vector<UniqueFd>& descriptors) {
  bytes.resize(size);
  size_t done = 0;
  while (done < size) {
    if (packet_.empty() && !WaitFor(POLLIN)) return false;
    const size_t before = descriptors.size();
    const ssize_t got = Receive(bytes.data() + done, size - done, descriptors);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    // ECONNRESET: the peer closed without having read everything. A packet
    // socket reports that before what the peer has sent.
    if (got < 0 && errno == ECONNRESET && packets_) continue;
    if (got <= 0) {
      EXPECT_TRUE(got == 0 || errno == ECONNRESET) << std::strerror(errno);
      return false;
    }
    EXPECT_TRUE(done == 0 || descriptors.size() == before)
        << "descriptors come in the middle of a frame";
    done += static_cast<size_t>(got);
  }
  return true;
}

std::optional<ReadFrame> RawPeer::Read() {
  ReadFrame read;
  std::string header;
  if (!ReadBytes(RawFrame::kHeaderBytes, header, read.descriptors)) {
    return std::nullopt;
  }
  read.frame = RawFrame::FromHeader(header);
  if (packets_ && (read.frame.flags & RawFrame::kSealed) != 0) {
    Unseal(read);
    return read;
  }
  std::vector<UniqueFd> late;
  if (!ReadBytes(*read.frame.length, read.frame.payload, late)) {
    return std::nullopt;
  }
  EXPECT_TRUE(late.empty()) << "descriptors come behind a frame's first byte";
  EXPECT_EQ(read.descriptors.size(), read.frame.descriptors);
  return read;
}

void RawPeer::Unseal(ReadFrame& read) {
  EXPECT_EQ(read.descriptors.size(), read.frame.descriptors);
  const UniqueFd file = std::move(read.descriptors.back());
  read.descriptors.pop_back();
  --read.frame.descriptors;
  read.frame.flags &= static_cast<uint8_t>(~RawFrame::kSealed);
  read.frame.payload.resize(*read.frame.length);
  EXPECT_EQ(pread(file.get(), read.frame.payload.data(), *read.frame.length, 0),
            static_cast<ssize_t>(*read.frame.length));
}

std::optional<ReadFrame> RawPeer::ReadType(uint8_t type) {
  while (true) {
    std::optional<ReadFrame> read = Read();
    if (!read.has_value() || read->frame.type == type) return read;
  }
}

RawStatus RawPeer::ReadStatus(std::optional<uint32_t> call) {
  RawStatus status;
  while (true) {
    std::optional<ReadFrame> read = Read();
    if (!read.has_value()) {
      ADD_FAILURE() << "the connection ended before the call";
      return status;
    }
    const RawFrame& frame = read->frame;
    if (call.has_value() && frame.call != *call) continue;
    for (UniqueFd& fd : read->descriptors) {
      status.descriptors.push_back(std::move(fd));
    }
    if (frame.type == RawFrame::kMessage) status.message += frame.payload;
    if (frame.type != RawFrame::kStatus) continue;
    status.code = frame.argument;
    size_t at = 0;
    if ((frame.flags & RawFrame::kDetails) != 0) {
      status.text = frame.payload.substr(8, Read32(frame.payload, 4));
      at = 4 + Read32(frame.payload, 0);
    }
    for (const uint8_t section : {RawFrame::kTrailers, RawFrame::kMetadata}) {
      if ((frame.flags & section) != 0) at += 4 + Read32(frame.payload, at);
    }
    status.message += frame.payload.substr(at);
    return status;
  }
}

bool RawPeer::ReachesEnd() {
  packet_.clear();
  char buffer[kPacketBytes];
  while (WaitFor(POLLIN)) {
    // Without a control buffer the kernel closes the received descriptors.
    const ssize_t got =
        recv(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) continue;
    EXPECT_TRUE(got == 0 || errno == ECONNRESET) << std::strerror(errno);
    return true;
  }
  return false;
}

RawListener::RawListener(const std::string& path, std::string_view scheme)
    : socket_(NewSocket(scheme)) {
  const sockaddr_un address = AddressOf(path);
  EXPECT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                 sizeof(address)),
            0)
      << std::strerror(errno);
  door_ = scheme == "unix-dgram:";
  if (!door_) {
    EXPECT_EQ(listen(socket_.get(), 64), 0);
  }
}

RawPeer RawListener::Accept() {
  pollfd polled = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&polled, 1, kGiveUpMs), 1) << "nobody connects";
  if (door_) {
    char knock[sizeof(kKnock) + 1];
    iovec piece = {.iov_base = knock, .iov_len = sizeof(knock)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message = {};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    EXPECT_EQ(recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC), 8);
    EXPECT_EQ(std::memcmp(knock, kKnock, sizeof(kKnock)), 0);
    int end = -1;
    std::memcpy(&end, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(end));
    return RawPeer(UniqueFd(end));
  }
  UniqueFd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(fd.ok());
  return RawPeer(std::move(fd));
}

bool RawListener::HasPending() const {
  pollfd polled = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
  return poll(&polled, 1, 0) == 1;
}

}  // namespace fdrpc::testing
