// The lower bound: bytes over a Unix-domain stream socket, without an RPC
// system. A message is as long as an fdrpc frame with the same payload, and has
// no meaning.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/raw_socket.h"
#include "tests/bench/system.h"

namespace fdrpc::bench {
namespace {

constexpr size_t kHeaderBytes = 16;
constexpr size_t kBatchBytes = 64 << 10;

enum class Does : uint32_t {
  kEcho,            // whole messages
  kEchoWhatComes,   // any number of messages at once
  kEchoDescriptor,  // whole messages with a descriptor
  kDown,
  kUp,
};

// The first bytes of a client.
struct Hello {
  Does does = Does::kEcho;
  uint32_t message_bytes = 0;
  uint32_t write_bytes = 0;  // of a server that streams
};

// A connected socket: blocks or, with polling, tries until it succeeds.
class Socket {
 public:
  Socket(int fd, bool polls) : fd_(fd), flags_(polls ? MSG_DONTWAIT : 0) {}
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // 0: the peer has closed.
  size_t ReceiveSome(char* to, size_t bytes) {
    return Try([&] { return recv(fd_, to, bytes, flags_); });
  }
  bool Receive(char* to, size_t bytes) {
    while (bytes > 0) {
      const size_t some = ReceiveSome(to, bytes);
      if (some == 0) return false;
      to += some;
      bytes -= some;
    }
    return true;
  }
  bool Send(const char* from, size_t bytes) {
    while (bytes > 0) {
      const size_t some =
          Try([&] { return send(fd_, from, bytes, flags_ | MSG_NOSIGNAL); });
      if (some == 0) return false;
      from += some;
      bytes -= some;
    }
    return true;
  }
  // A message and a descriptor. -1: the peer has closed.
  int ReceiveWithDescriptor(char* to, size_t bytes) {
    Ancillary ancillary(to, bytes, -1);
    const size_t some = Try([&] {
      return recvmsg(fd_, &ancillary.message, flags_ | MSG_CMSG_CLOEXEC);
    });
    if (some == 0) return -1;
    int received = -1;
    std::memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&ancillary.message)),
                sizeof(received));
    return Receive(to + some, bytes - some) ? received : -1;
  }
  bool SendWithDescriptor(char* from, size_t bytes, int descriptor) {
    Ancillary ancillary(from, bytes, descriptor);
    const size_t some = Try([&] {
      return sendmsg(fd_, &ancillary.message, flags_ | MSG_NOSIGNAL);
    });
    return some > 0 && Send(from + some, bytes - some);
  }
  void HalfClose() { shutdown(fd_, SHUT_WR); }

 private:
  struct Ancillary {
    Ancillary(char* at, size_t bytes, int descriptor) : io{at, bytes} {
      message.msg_iov = &io;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof(control);
      if (descriptor < 0) return;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(descriptor));
      std::memcpy(CMSG_DATA(header), &descriptor, sizeof(descriptor));
    }
    iovec io;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = {};
  };

  template <typename Function>
  size_t Try(Function function) {
    for (;;) {
      const ssize_t result = function();
      if (result >= 0) return static_cast<size_t>(result);
      if (errno != EAGAIN && errno != EINTR) return 0;
    }
  }

  const int fd_;
  const int flags_;
};

bool Polls(const Flags& flags) { return flags.form == "poll"; }

void ServeConnection(Socket& socket) {
  Hello hello;
  if (!socket.Receive(reinterpret_cast<char*>(&hello), sizeof(hello))) return;
  const size_t bytes = hello.message_bytes;
  std::vector<char> buffer(std::max(bytes, kBatchBytes));
  char* const data = buffer.data();
  switch (hello.does) {
    case Does::kEcho:
      while (socket.Receive(data, bytes) && socket.Send(data, bytes)) {
      }
      return;
    case Does::kEchoWhatComes:
      while (size_t some = socket.ReceiveSome(data, buffer.size())) {
        if (!socket.Send(data, some)) return;
      }
      return;
    case Does::kEchoDescriptor:
      for (int received = 0;
           (received = socket.ReceiveWithDescriptor(data, bytes)) >= 0;) {
        if (!socket.SendWithDescriptor(data, bytes, received)) return;
        close(received);
      }
      return;
    case Does::kDown:
      while (socket.Send(data, hello.write_bytes)) {
      }
      return;
    case Does::kUp: {
      uint64_t received = 0;
      while (size_t some = socket.ReceiveSome(data, buffer.size())) {
        received += some;
      }
      socket.Send(reinterpret_cast<char*>(&received), sizeof(received));
      return;
    }
  }
}

class RawConnection final : public Connection {
 public:
  explicit RawConnection(const Flags& flags)
      : flags_(flags),
        message_bytes_(kHeaderBytes + flags.payload),
        buffer_(std::max(message_bytes_, kBatchBytes)),
        socket_(ConnectTo(flags.address), Polls(flags)) {}

  void Echo() override {
    Begin(Does::kEcho);
    Check(socket_.Send(buffer_.data(), message_bytes_) &&
              socket_.Receive(buffer_.data(), message_bytes_),
          "the server has gone");
  }

  void EchoDescriptor() override {
    Begin(Does::kEchoDescriptor);
    Check(socket_.SendWithDescriptor(buffer_.data(), message_bytes_, file_),
          "the server has gone");
    const int received =
        socket_.ReceiveWithDescriptor(buffer_.data(), message_bytes_);
    Check(received >= 0, "no descriptor came");
    close(received);
  }

  // All messages that have arrived are sent again, with one system call.
  void EchoInFlight(Meter& meter) override {
    Begin(Does::kEchoWhatComes);
    std::vector<char> batch(message_bytes_ * flags_.in_flight);
    size_t in_part = 0;  // of a message that has not arrived completely
    Check(socket_.Send(batch.data(), batch.size()), "the server has gone");
    for (bool more = true; more;) {
      const size_t some = socket_.ReceiveSome(batch.data(), batch.size());
      Check(some > 0, "the server has gone");
      const size_t messages = (in_part + some) / message_bytes_;
      in_part = (in_part + some) % message_bytes_;
      for (size_t i = 0; i < messages; ++i) more = meter.Next();
      Check(socket_.Send(batch.data(), messages * message_bytes_),
            "the server has gone");
    }
  }

  void Down(Meter& meter) override {
    Begin(Does::kDown);
    size_t in_part = 0;
    for (bool more = true; more;) {
      const size_t some = socket_.ReceiveSome(buffer_.data(), buffer_.size());
      Check(some > 0, "the server has gone");
      const size_t messages = (in_part + some) / message_bytes_;
      in_part = (in_part + some) % message_bytes_;
      for (size_t i = 0; i < messages; ++i) more = meter.Next();
    }
  }

  void Up(Meter& meter) override {
    Begin(Does::kUp);
    const size_t write_bytes = WriteBytes();
    uint64_t sent = 0;
    for (bool more = true; more;) {
      for (size_t i = 0; i < write_bytes / message_bytes_; ++i) {
        more = meter.Next();
      }
      Check(socket_.Send(buffer_.data(), write_bytes), "the server has gone");
      sent += write_bytes;
    }
    socket_.HalfClose();
    uint64_t received = 0;
    Check(
        socket_.Receive(reinterpret_cast<char*>(&received), sizeof(received)) &&
            received == sent,
        "not all has arrived");
  }

 private:
  void Begin(Does does) {
    if (begun_) return;
    begun_ = true;
    const Hello hello = {
        .does = does,
        .message_bytes = static_cast<uint32_t>(message_bytes_),
        .write_bytes = static_cast<uint32_t>(WriteBytes()),
    };
    Check(socket_.Send(reinterpret_cast<const char*>(&hello), sizeof(hello)),
          "the server has gone");
  }

  // Of a stream: one message, or as much as fills a buffer.
  size_t WriteBytes() const {
    if (!flags_.batched || message_bytes_ > kBatchBytes) return message_bytes_;
    return kBatchBytes / message_bytes_ * message_bytes_;
  }

  const Flags flags_;
  const size_t message_bytes_;
  std::vector<char> buffer_;
  Socket socket_;
  bool begun_ = false;
  const int file_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
};

}  // namespace

void Serve(const Flags& flags) {
  ServeEach(flags.address, [polls = Polls(flags)](int fd) {
    Socket socket(fd, polls);
    ServeConnection(socket);
  });
}

std::unique_ptr<Connection> Connect(const Flags& flags) {
  return std::make_unique<RawConnection>(flags);
}

bool ThreadsShareConnection() { return false; }

}  // namespace fdrpc::bench
