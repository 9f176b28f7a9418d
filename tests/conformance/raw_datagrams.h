#ifndef FDRPC_TESTS_CONFORMANCE_RAW_DATAGRAMS_H_
#define FDRPC_TESTS_CONFORMANCE_RAW_DATAGRAMS_H_

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "os/ancillary.h"
#include "os/unix_address.h"
#include "tests/support/files.h"
#include "tests/support/raw_frame.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// A datagram socket that does what a test tells it to.
class RawSocket {
 public:
  // With the kernel's own short abstract name (autobind), a name, or none.
  static RawSocket Autobound() {
    RawSocket made;
    sockaddr_un family = {.sun_family = AF_UNIX, .sun_path = {}};
    EXPECT_EQ(bind(made.fd(), reinterpret_cast<sockaddr*>(&family),
                   sizeof(sa_family_t)),
              0);
    return made;
  }
  static RawSocket Bound(const std::string& address) {
    RawSocket made;
    const UnixAddress own = *UnixAddress::Parse(address);
    EXPECT_EQ(bind(made.fd(), own.socket_address(), own.length()), 0);
    return made;
  }
  RawSocket() : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  // One of a pair.
  explicit RawSocket(UniqueFd fd) : fd_(std::move(fd)) {}

  int fd() const { return fd_.get(); }
  // Returns 0 or an errno.
  int SendTo(const SocketName& to, const std::string& bytes,
             const std::vector<int>& fds = {}) const {
    const iovec piece = {.iov_base = const_cast<char*>(bytes.data()),
                         .iov_len = bytes.size()};
    return SendWithDescriptors(fd(), {&piece, 1}, fds, nullptr, &to).error;
  }
  // The same to the other socket of the pair.
  int Send(const std::string& bytes) const {
    const iovec piece = {.iov_base = const_cast<char*>(bytes.data()),
                         .iov_len = bytes.size()};
    return SendWithDescriptors(fd(), {&piece, 1}, {}).error;
  }
  struct Received {
    std::string bytes;
    std::vector<UniqueFd> fds;
    SocketName from;
  };
  // Waits for a datagram.
  Received Receive() const {
    pollfd polled = {.fd = fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&polled, 1, 60'000), 1) << "no datagram arrives";
    Received received;
    received.bytes.resize(70'000);
    const iovec piece = {.iov_base = received.bytes.data(),
                         .iov_len = received.bytes.size()};
    ReceivedDescriptors set;
    const IoResult io =
        ReceiveWithDescriptors(fd(), {&piece, 1}, set, &received.from);
    EXPECT_EQ(io.error, 0);
    received.bytes.resize(io.error == 0 ? io.bytes : 0);
    received.fds = std::move(set.fds);
    return received;
  }
  bool HasDatagram() const {
    pollfd polled = {.fd = fd(), .events = POLLIN, .revents = 0};
    return poll(&polled, 1, 0) == 1;
  }

 private:
  UniqueFd fd_;
};

inline SocketName NameOf(const std::string& address) {
  const UnixAddress parsed = *UnixAddress::Parse(address);
  SocketName name;
  name.length = parsed.length();
  std::memcpy(&name.address, parsed.socket_address(), name.length);
  return name;
}

// A call as bytes, from the protocol's description.
struct RawCall {
  static constexpr uint8_t kWholeRequest =
      RawFrame::kHasMessage | RawFrame::kHalfClose;

  std::string magic = "FDRC";
  uint16_t version = 1;
  std::string method = "fdrpc.testing.TestService/Echo";
  uint64_t key = 0x1122334455667788;
  uint64_t call = 42;
  RawFrame open = {.type = RawFrame::kOpen,
                   .call = 1,
                   .flags = kWholeRequest,
                   .argument = 1};
  std::optional<uint16_t> name_length = std::nullopt;

  std::string Bytes() const {
    return magic + Bytes16(version) +
           Bytes16(name_length.value_or(static_cast<uint16_t>(method.size()))) +
           Bytes64(key) + Bytes64(call) + method + open.Bytes();
  }
};

// Of a reply with that many descriptors.
inline RawCall GetCall(int descriptors) {
  RawCall call;
  call.method = "fdrpc.testing.TestService/Get";
  Text request;
  request.set_number(descriptors);
  call.open.payload = request.SerializeAsString();
  return call;
}

inline std::string AnswerBytes(uint64_t key, uint64_t call,
                               const RawFrame& status) {
  return "FDRA" + Bytes16(1) + Bytes16(0) + Bytes64(key) + Bytes64(call) +
         status.Bytes();
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CONFORMANCE_RAW_DATAGRAMS_H_
