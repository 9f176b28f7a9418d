// The lower bound without the kernel: bytes over two bare rings in shared
// memory, one for each direction, while both sides poll. A message is as long
// as an fdrpc frame with the same payload, and has no meaning.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "os/ancillary.h"
#include "os/shared_region.h"
#include "tests/bench/raw_socket.h"
#include "tests/bench/system.h"
#include "transport/ring_reader.h"
#include "transport/ring_writer.h"
#include "wire/ring_layout.h"

namespace fdrpc::bench {
namespace {

constexpr size_t kHeaderBytes = 16;
constexpr uint32_t kRingBytes = 256 << 10;
constexpr size_t kPartBytes = ring_layout::PartBytes(kRingBytes);
// So that writing and reading of a large message overlap.
constexpr size_t kChunkBytes = 32 << 10;
constexpr int kPollsPerLookAtSocket = 4096;

enum class Does : uint32_t { kEcho, kEchoWhatComes, kDown, kUp };

// The first bytes of a client; the server's are the same again.
struct Hello {
  Does does = Does::kEcho;
  uint32_t message_bytes = 0;
};

// Two rings, and a socket that tells of the peer's end.
class Link {
 public:
  // Takes the socket. A client says what the server is to do; a server gets it.
  Link(UniqueFd socket, std::optional<Hello> of_client)
      : socket_(std::move(socket)) {
    const bool is_client = of_client.has_value();
    if (is_client) {
      auto made = SharedRegion::Make(2 * kPartBytes);
      Check(made.ok(), "no shared memory");
      region_ = std::move(made->region);
      hello_ = *of_client;
      SendHello(made->file.get());
      // Before the other has joined, the memory is not to be used.
      char joined;
      Check(recv(socket_.get(), &joined, 1, 0) == 1, "the peer has gone");
    } else {
      auto joined = SharedRegion::Join(ReceiveHello(), 2 * kPartBytes);
      Check(joined.ok(), "the client's memory cannot be mapped");
      region_ = *std::move(joined);
      Check(send(socket_.get(), "j", 1, 0) == 1, "the peer has gone");
    }
    const RegionWords first(region_.data());
    const RegionWords second(region_.data() + kPartBytes);
    const RegionWords own = is_client ? first : second;
    const RegionWords peer = is_client ? second : first;
    writer_.emplace(own, peer, kRingBytes);
    reader_.emplace(own, peer, kRingBytes);
  }

  const Hello& hello() const { return hello_; }

  // These are false, or 0, when the peer has gone.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::string_view chunk = bytes.substr(0, kChunkBytes);
      if (!PollUntil([&] { return writer_->HasRoom(chunk.size()); })) {
        return false;
      }
      writer_->Append(chunk);
      writer_->Publish();
      bytes.remove_prefix(chunk.size());
    }
    return true;
  }
  size_t ReceiveSome(absl::Span<char> to) {
    if (!PollUntil([&] { return reader_->Look(); })) return 0;
    return reader_->Take(to);
  }
  bool Receive(absl::Span<char> to) {
    while (!to.empty()) {
      const size_t some = ReceiveSome(to);
      if (some == 0) return false;
      to.remove_prefix(some);
    }
    return true;
  }
  void HalfClose() { shutdown(socket_.get(), SHUT_WR); }

 private:
  void SendHello(int file) {
    const iovec piece = {&hello_, sizeof(hello_)};
    Check(SendWithDescriptors(socket_.get(), {&piece, 1}, {&file, 1}).bytes ==
              sizeof(hello_),
          "the peer has gone");
  }
  UniqueFd ReceiveHello() {
    const iovec piece = {&hello_, sizeof(hello_)};
    ReceivedDescriptors received;
    IoResult io;
    do {
      io = ReceiveWithDescriptors(socket_.get(), {&piece, 1}, received);
    } while (io.error == EAGAIN);
    Check(io.bytes == sizeof(hello_) && received.fds.size() == 1,
          "the peer has gone");
    return std::move(received.fds[0]);
  }
  template <typename Condition>
  bool PollUntil(Condition condition) {
    for (int polls = 1; !condition(); ++polls) {
      if (polls % kPollsPerLookAtSocket != 0) continue;
      char byte;
      if (recv(socket_.get(), &byte, 1, MSG_DONTWAIT) == 0) return condition();
      std::this_thread::yield();  // on a busy machine, to the peer
    }
    return true;
  }

  const UniqueFd socket_;
  Hello hello_;
  SharedRegion region_;
  std::optional<RingWriter> writer_;
  std::optional<RingReader> reader_;
};

void ServeLink(Link& link) {
  const size_t bytes = link.hello().message_bytes;
  std::vector<char> buffer(std::max(bytes, kChunkBytes));
  const absl::Span<char> message = absl::MakeSpan(buffer).first(bytes);
  const std::string_view sent(buffer.data(), bytes);
  switch (link.hello().does) {
    case Does::kEcho:
      while (link.Receive(message) && link.Send(sent)) {
      }
      return;
    case Does::kEchoWhatComes:
      while (size_t some = link.ReceiveSome(absl::MakeSpan(buffer))) {
        if (!link.Send({buffer.data(), some})) return;
      }
      return;
    case Does::kDown:
      while (link.Send(sent)) {
      }
      return;
    case Does::kUp: {
      uint64_t received = 0;
      while (size_t some = link.ReceiveSome(absl::MakeSpan(buffer))) {
        received += some;
      }
      link.Send({reinterpret_cast<const char*>(&received), sizeof(received)});
      return;
    }
  }
}

class RingConnection final : public Connection {
 public:
  explicit RingConnection(const Flags& flags)
      : flags_(flags),
        message_bytes_(kHeaderBytes + flags.payload),
        buffer_(std::max(message_bytes_, kChunkBytes)) {}

  void Echo() override {
    Begin(Does::kEcho);
    Check(link_->Send(message()) &&
              link_->Receive(absl::MakeSpan(buffer_).first(message_bytes_)),
          "the server has gone");
  }

  // All messages that have arrived are sent again at once.
  void EchoInFlight(Meter& meter) override {
    Begin(Does::kEchoWhatComes);
    for (int i = 0; i < flags_.in_flight; ++i) {
      Check(link_->Send(message()), "the server has gone");
    }
    for (bool more = true; more;) {
      const size_t messages = ReceiveMessages();
      for (size_t i = 0; i < messages; ++i) more = meter.Next();
      for (size_t i = 0; i < messages; ++i) {
        Check(link_->Send(message()), "the server has gone");
      }
    }
  }

  void Down(Meter& meter) override {
    Begin(Does::kDown);
    for (bool more = true; more;) {
      const size_t messages = ReceiveMessages();
      for (size_t i = 0; i < messages; ++i) more = meter.Next();
    }
  }

  void Up(Meter& meter) override {
    Begin(Does::kUp);
    uint64_t sent = 0;
    for (bool more = true; more; sent += message_bytes_) {
      more = meter.Next();
      Check(link_->Send(message()), "the server has gone");
    }
    link_->HalfClose();
    uint64_t received = 0;
    Check(link_->Receive(
              {reinterpret_cast<char*>(&received), sizeof(received)}) &&
              received == sent,
          "not all has arrived");
  }

 private:
  std::string_view message() const { return {buffer_.data(), message_bytes_}; }

  // How many have arrived completely.
  size_t ReceiveMessages() {
    const size_t some = link_->ReceiveSome(absl::MakeSpan(buffer_));
    Check(some > 0, "the server has gone");
    const size_t messages = (in_part_ + some) / message_bytes_;
    in_part_ = (in_part_ + some) % message_bytes_;
    return messages;
  }

  void Begin(Does does) {
    if (link_.has_value()) return;
    link_.emplace(
        UniqueFd(ConnectTo(flags_.address)),
        Hello{.does = does,
              .message_bytes = static_cast<uint32_t>(message_bytes_)});
  }

  const Flags flags_;
  const size_t message_bytes_;
  std::vector<char> buffer_;
  std::optional<Link> link_;
  size_t in_part_ = 0;
};

}  // namespace

void Serve(const Flags& flags) {
  ServeEach(flags.address, [](int fd) {
    Link link(UniqueFd(fd), std::nullopt);
    ServeLink(link);
  });
}

std::unique_ptr<Connection> Connect(const Flags& flags) {
  return std::make_unique<RingConnection>(flags);
}

bool ThreadsShareConnection() { return false; }

}  // namespace fdrpc::bench
