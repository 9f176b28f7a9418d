#ifndef FDRPC_TESTS_SUPPORT_RAW_PEER_H_
#define FDRPC_TESTS_SUPPORT_RAW_PEER_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fdrpc/unique_fd.h"
#include "gtest/gtest.h"
#include "tests/support/raw_frame.h"
#include "tests/support/schemes.h"

namespace fdrpc::testing {

// A frame that a raw peer has read.
struct ReadFrame {
  RawFrame frame;
  std::vector<UniqueFd> descriptors;
};

// The status of a call, as a raw client reads it.
struct RawStatus {
  uint32_t code = 0xffffffff;
  std::string text;
  std::string message;  // the reply
  std::vector<UniqueFd> descriptors;
};

// A peer that does what a test tells it to: it sends and reads bytes and
// descriptors over its own socket, without code of the runtime. Blocks; waiting
// unreasonably long fails the test.
class RawPeer {
 public:
  // Connects to the listening socket at that path.
  static RawPeer Connect(const std::string& path,
                         std::string_view scheme = "unix:");
  explicit RawPeer(UniqueFd socket);

  // Sends all of `bytes`, with the descriptors attached to the first. False if
  // the peer is gone. On packet sockets it sends one packet, if everything
  // fits; otherwise one packet for each frame, with a memory file for what does
  // not fit.
  bool Send(const std::string& bytes, const std::vector<int>& fds = {});
  bool Send(const RawFrame& frame, const std::vector<int>& fds = {}) {
    return Send(frame.Bytes(), fds);
  }
  // The same, one byte at a time.
  bool SendBytewise(const std::string& bytes, const std::vector<int>& fds = {});
  // One non-blocking sendmsg(2): its result, or -errno.
  ssize_t TrySend(const std::string& bytes, const std::vector<int>& fds = {});
  // One sendmsg(2) with two control messages: credentials and descriptors.
  bool SendWithCredentials(const std::string& bytes,
                           const std::vector<int>& fds);
  // Sends the bytes as out-of-band data; false if the kernel does not support
  // that for this socket.
  bool SendOutOfBand(const std::string& bytes);
  void HalfClose();
  void Close() { socket_.Reset(); }

  // The next frame; nullopt at the end of the stream.
  std::optional<ReadFrame> Read();
  // The next frame of that type; frames before it are dropped.
  std::optional<ReadFrame> ReadType(uint8_t type);
  // The status of the next call that ends, or of the call `call`.
  RawStatus ReadStatus(std::optional<uint32_t> call = std::nullopt);
  // Whether the peer ends the connection; frames before the end are dropped.
  bool ReachesEnd();
  // Whether something can be read now, or within that time.
  bool Readable(std::chrono::milliseconds within = {}) const;

  int fd() const { return socket_.get(); }

 private:
  // Reads exactly `size` bytes; false if the stream ends first.
  bool ReadBytes(size_t size, std::string& bytes,
                 std::vector<UniqueFd>& descriptors);
  bool WaitFor(short events) const;
  bool SendPacket(const std::string& bytes, const std::vector<int>& fds);
  // The rest of a packet, or the whole next one; 0 at the end.
  ssize_t Receive(char* to, size_t size, std::vector<UniqueFd>& descriptors);
  void Unseal(ReadFrame& read);

  UniqueFd socket_;
  bool packets_;
  std::string packet_;  // the unread part of the last one
};

// A listening socket that accepts raw peers.
class RawListener {
 public:
  explicit RawListener(const std::string& path,
                       std::string_view scheme = "unix:");
  // The next connection.
  RawPeer Accept();
  // Whether a connection is waiting to be accepted.
  bool HasPending() const;
  void Close() { socket_.Reset(); }

 private:
  UniqueFd socket_;
  bool door_ = false;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_RAW_PEER_H_
