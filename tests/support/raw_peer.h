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

namespace fdrpc::testing {

// A frame that a raw peer has read.
struct ReadFrame {
  RawFrame frame;
  std::vector<UniqueFd> descriptors;
};

// How a call ended, as the raw client sees it.
struct RawStatus {
  uint32_t code = 0xffffffff;
  std::string text;
  std::string message;  // the reply
  std::vector<UniqueFd> descriptors;
};

// The schemes of addresses that there are connections over, for tests that run
// over each; and for the names of those.
inline const auto kAllSchemes =
    ::testing::Values("unix:", "unix-seqpacket:", "unix-dgram:");
std::string SchemeName(const ::testing::TestParamInfo<const char*>& info);

// A peer that says what a test tells it to: bytes with descriptors over a
// socket of its own, without any of the runtime's code. Blocks; what takes
// longer than any machine needs fails the test.
class RawPeer {
 public:
  // Connects to the listening socket of that path.
  static RawPeer Connect(const std::string& path,
                         std::string_view scheme = "unix:");
  explicit RawPeer(UniqueFd socket);

  // Sends all of `bytes`, the descriptors with the first of them. False if the
  // other side is gone. Over packets in one, if they fit; else a frame in each,
  // and what of a frame does not fit as a memory file.
  bool Send(const std::string& bytes, const std::vector<int>& fds = {});
  bool Send(const RawFrame& frame, const std::vector<int>& fds = {}) {
    return Send(frame.Bytes(), fds);
  }
  // The same one byte at a time.
  bool SendBytewise(const std::string& bytes, const std::vector<int>& fds = {});
  // One sendmsg(2) that does not block: what it returned, or -errno.
  ssize_t TrySend(const std::string& bytes, const std::vector<int>& fds = {});
  // One sendmsg(2) with two control messages: credentials and descriptors.
  bool SendWithCredentials(const std::string& bytes,
                           const std::vector<int>& fds);
  // The bytes as out-of-band data; false if the kernel has none for this
  // socket.
  bool SendOutOfBand(const std::string& bytes);
  void HalfClose();
  void Close() { socket_.Reset(); }

  // The next frame; none at the end of the stream.
  std::optional<ReadFrame> Read();
  // The next frame of that type; what comes before it is dropped.
  std::optional<ReadFrame> ReadType(uint8_t type);
  // The status of the next call that ends, or of that call.
  RawStatus ReadStatus(std::optional<uint32_t> call = std::nullopt);
  // Whether the other side ends the connection; frames that come before it does
  // are dropped.
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
  // What is left of a packet, or all of the next; 0 at the end.
  ssize_t Receive(char* to, size_t size, std::vector<UniqueFd>& descriptors);
  void Unseal(ReadFrame& read);

  UniqueFd socket_;
  bool packets_;
  std::string packet_;  // what of the last one was not read
};

// A listening socket that accepts raw peers.
class RawListener {
 public:
  explicit RawListener(const std::string& path,
                       std::string_view scheme = "unix:");
  // The next connection.
  RawPeer Accept();
  // Whether a connection waits to be accepted.
  bool HasPending() const;
  void Close() { socket_.Reset(); }

 private:
  UniqueFd socket_;
  bool door_ = false;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_RAW_PEER_H_
