#ifndef FDRPC_TESTS_SERVER_STREAM_CLIENT_H_
#define FDRPC_TESTS_SERVER_STREAM_CLIENT_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/stream_services.h"
#include "tests/support/raw_peer.h"

namespace fdrpc::testing {

// A client of a StreamService that sends and receives single frames. It has
// completed the handshake.
class StreamClient {
 public:
  static constexpr uint32_t kEcho = 1, kJoin = 2, kRepeat = 3, kChat = 4,
                            kPass = 5;
  // Status codes on the wire.
  static constexpr uint32_t kOk = 0, kDeadlineExceeded = 4,
                            kResourceExhausted = 8, kInternal = 13,
                            kUnavailable = 14;
  static constexpr uint8_t kDescriptorCredit = 0x01;

  StreamClient(const std::string& path, std::string_view service,
               const RawHello& hello = {})
      : peer_(RawPeer::Connect(path)) {
    std::string greeting = hello.Bytes();
    uint32_t number = 0;
    for (const char* method : StreamService::kNames) {
      greeting +=
          MethodFrame(++number, std::string(service) + "/" + method).Bytes();
    }
    EXPECT_TRUE(peer_.Send(greeting));
    EXPECT_TRUE(peer_.ReadType(RawFrame::kHello).has_value());
  }

  RawPeer& peer() { return peer_; }

  static std::string TextBytes(const std::string& value) {
    Text text;
    text.set_value(value);
    return text.SerializeAsString();
  }
  static std::string TextOf(const std::string& bytes) {
    Text text;
    EXPECT_TRUE(text.ParseFromString(bytes));
    return text.value();
  }

  // A call with a stream of requests; or, with a request, of a method with a
  // single one.
  void Open(uint32_t call, uint32_t method,
            std::optional<std::string> request = std::nullopt,
            std::optional<uint64_t> timeout_ns = std::nullopt) {
    RawFrame open = {.type = RawFrame::kOpen, .call = call, .argument = method};
    if (timeout_ns.has_value()) {
      open.flags |= RawFrame::kTimeout;
      open.payload += Bytes64(*timeout_ns);
    }
    if (request.has_value()) {
      open.flags |= RawFrame::kHasMessage | RawFrame::kHalfClose;
      open.payload += TextBytes(*request);
    }
    Send(open);
  }
  void Write(uint32_t call, const std::string& value, uint8_t flags = 0) {
    Send({.type = RawFrame::kMessage,
          .call = call,
          .flags = static_cast<uint8_t>(RawFrame::kHasMessage | flags),
          .payload = TextBytes(value)});
  }
  void WriteFile(uint32_t call, int fd) {
    Send({.type = RawFrame::kMessage,
          .call = call,
          .flags = RawFrame::kHasMessage,
          .descriptors = 1,
          .payload = FileParcel::Bytes()},
         {fd});
  }
  void HalfClose(uint32_t call) {
    Send({.type = RawFrame::kMessage,
          .call = call,
          .flags = RawFrame::kHalfClose});
  }
  void Cancel(uint32_t call) { Send(CancelFrame(call)); }
  void Grant(uint32_t call, uint32_t amount, uint8_t flags = 0) {
    Send({.type = RawFrame::kCredit,
          .call = call,
          .flags = flags,
          .argument = amount});
  }
  void Send(const RawFrame& frame, const std::vector<int>& fds = {}) {
    EXPECT_TRUE(peer_.Send(frame, fds));
  }

  // The next frame other than credit, whose bytes are added up, pings, which
  // are answered, and go-aways.
  ReadFrame Read() {
    while (true) {
      ReadFrame read = ReadAny();
      if (read.frame.type != RawFrame::kGoAway) return read;
      go_aways_.push_back(read.frame.argument);
    }
  }
  // The argument of the next go-away that was not asked for; if none has
  // arrived yet, it must be the next frame.
  uint32_t ReadGoAway() {
    if (!go_aways_.empty()) {
      const uint32_t first = go_aways_.front();
      go_aways_.pop_front();
      return first;
    }
    const ReadFrame read = ReadAny();
    EXPECT_EQ(read.frame.type, RawFrame::kGoAway);
    return read.frame.argument;
  }
  // The next frame, which must be a message of that call.
  std::string ReadText(uint32_t call) {
    const ReadFrame read = Read();
    EXPECT_EQ(read.frame.type, RawFrame::kMessage);
    EXPECT_EQ(read.frame.flags, RawFrame::kHasMessage);
    EXPECT_EQ(read.frame.call, call);
    return TextOf(read.frame.payload);
  }
  // The next frame, which must be the status of that call.
  uint32_t ReadEnd(uint32_t call) { return ReadEndFrame(call).frame.argument; }
  ReadFrame ReadEndFrame(uint32_t call) {
    ReadFrame read = Read();
    EXPECT_EQ(read.frame.type, RawFrame::kStatus);
    EXPECT_EQ(read.frame.call, call);
    return read;
  }
  // Expects that the server has read everything that was sent before.
  void AwaitPong() {
    Send(PingFrame(4711));
    const ReadFrame read = Read();
    EXPECT_EQ(read.frame.type, RawFrame::kPong);
  }

  uint64_t granted_bytes() const { return granted_bytes_; }
  uint64_t granted_descriptors() const { return granted_descriptors_; }

 private:
  ReadFrame ReadAny() {
    while (true) {
      std::optional<ReadFrame> read = peer_.Read();
      if (!read.has_value()) {
        ADD_FAILURE() << "the connection ended";
        return {};
      }
      if (read->frame.type == RawFrame::kPing) {
        Send({.type = RawFrame::kPong, .argument = read->frame.argument});
        continue;
      }
      if (read->frame.type != RawFrame::kCredit) return *std::move(read);
      EXPECT_GT(read->frame.argument, 0u);
      (read->frame.flags == kDescriptorCredit ? granted_descriptors_
                                              : granted_bytes_) +=
          read->frame.argument;
    }
  }

  RawPeer peer_;
  std::deque<uint32_t> go_aways_;
  uint64_t granted_bytes_ = 0;
  uint64_t granted_descriptors_ = 0;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_STREAM_CLIENT_H_
