#ifndef FDRPC_TESTS_TRANSPORT_FRAMES_H_
#define FDRPC_TESTS_TRANSPORT_FRAMES_H_

#include <poll.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/support/files.h"
#include "transport/frame.h"
#include "transport/transport.h"

namespace fdrpc::testing {

// A frame as it is passed to a transport.
inline OutgoingFrame NewFrame(
    uint32_t call_id, std::string_view payload = "",
    DescriptorSet descriptors = {},
    uint8_t type = static_cast<uint8_t>(FrameType::kMessage)) {
  OutgoingFrame frame;
  frame.head.resize(kFrameHeaderBytes);
  EncodeFrameHeader(
      {.payload_bytes = static_cast<uint32_t>(payload.size()),
       .call_id = call_id,
       .type = type,
       .flags = type == static_cast<uint8_t>(FrameType::kMessage) ? kFlagMessage
                                                                  : uint8_t{0},
       .descriptor_count = static_cast<uint16_t>(descriptors.size())},
      frame.head.data());
  frame.head += payload;
  frame.call_id = call_id;
  if (!descriptors.empty()) {
    frame.Attach().descriptors = std::move(descriptors);
  }
  return frame;
}

// The same with the payload in a buffer of its own.
inline OutgoingFrame NewFrameWithBody(uint32_t call_id,
                                      const std::string& payload,
                                      DescriptorSet descriptors = {}) {
  OutgoingFrame frame = NewFrame(call_id, payload, std::move(descriptors));
  frame.head.resize(kFrameHeaderBytes);
  auto body = std::make_shared<const std::string>(payload);
  frame.Attach().body.push_back({*body, body});
  frame.attached->body_bytes = payload.size();
  return frame;
}

// Files that hold "0", "1" and so on.
inline DescriptorSet NumberedFiles(size_t count) {
  DescriptorSet files;
  for (size_t i = 0; i < count; ++i) {
    files.push_back(FileWith(std::to_string(i)));
  }
  return files;
}

// Whether `fds` are, in order, the files of NumberedFiles(fds.size()).
inline bool AreNumberedFiles(const std::vector<UniqueFd>& fds) {
  for (size_t i = 0; i < fds.size(); ++i) {
    if (ReadRest(fds[i].get()) != std::to_string(i)) return false;
  }
  return true;
}

// A number that is no descriptor of this process.
inline DescriptorSet NotOpen() {
  constexpr int kNobodys = 1 << 20;
  DescriptorSet set;
  set.push_back(UniqueFd(kNobodys));
  return set;
}

inline absl::Span<const AttachedFd> DescriptorsOf(const OutgoingFrame& frame) {
  return FrameToSend{frame.head, frame.attached.get()}.descriptors();
}

// A transport's view of frames that stay where they are.
template <typename Frames>
std::vector<FrameToSend> ToSend(Frames& frames) {
  std::vector<FrameToSend> all;
  for (OutgoingFrame& frame : frames) {
    all.push_back({.head = frame.head, .attached = &frame.Attach()});
  }
  return all;
}

inline Transport::SendResult SendOnce(Transport& transport,
                                      std::vector<OutgoingFrame>& frames) {
  return transport.Send(ToSend(frames));
}

// A frame as it arrived, with its own payload.
struct ReceivedFrame {
  FrameHeader header;
  std::string payload;
  std::vector<UniqueFd> descriptors;
  bool truncated = false;
  bool payload_lost = false;
};

// Everything that one side of a connection has received.
struct Received {
  std::vector<ReceivedFrame> frames;
  Transport::ReceiveOutcome last = Transport::ReceiveOutcome::kReceived;
  absl::Status malformed;

  size_t descriptors() const {
    size_t count = 0;
    for (const ReceivedFrame& frame : frames) {
      count += frame.descriptors.size();
    }
    return count;
  }
};

// Takes the complete frames from the transport.
inline void TakeFrames(Transport& transport, Received& received) {
  IncomingFrame frame;
  while (true) {
    const Transport::NextResult next = transport.Next(frame);
    if (next.outcome == Transport::NextOutcome::kMalformed) {
      received.malformed = next.error;
    }
    if (next.outcome != Transport::NextOutcome::kFrame) return;
    received.frames.push_back(
        {frame.header, std::string(frame.payload), std::move(frame.descriptors),
         frame.descriptors_truncated, frame.payload_lost});
  }
}

// Receives until nothing more has arrived, or there is an error.
inline void ReceiveAll(Transport& transport, Received& received) {
  while (received.malformed.ok()) {
    received.last = transport.Receive().outcome;
    if (received.last != Transport::ReceiveOutcome::kReceived) return;
    TakeFrames(transport, received);
  }
}

inline Received ReceiveAll(Transport& transport) {
  Received received;
  ReceiveAll(transport, received);
  return received;
}

// Sends all of `frames` while the other side, also in this process, receives.
inline Received SendAndReceiveAll(Transport& from, Transport& to,
                                  std::vector<OutgoingFrame>& frames) {
  std::vector<FrameToSend> left = ToSend(frames);
  Received received;
  while (!left.empty() && received.malformed.ok()) {
    const Transport::SendResult result = from.Send(left);
    left.erase(left.begin(), left.begin() + static_cast<long>(result.sent));
    ReceiveAll(to, received);
    using Outcome = Transport::SendResult::Outcome;
    if (result.outcome != Outcome::kSent &&
        result.outcome != Outcome::kWouldBlock) {
      ADD_FAILURE() << result.error;
      break;
    }
  }
  ReceiveAll(to, received);
  return received;
}

inline bool IsReadable(int fd) {
  pollfd polled = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&polled, 1, 0) == 1;
}

// Whether a thread that is about to wait for the transport would not wait.
inline bool HasArrived(Transport& transport) {
  return !transport.PrepareToSleep() || IsReadable(transport.pollable_fd());
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_TRANSPORT_FRAMES_H_
