#ifndef FDRPC_WIRE_DATAGRAM_H_
#define FDRPC_WIRE_DATAGRAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "wire/frame_header.h"
#include "wire/frame_rules.h"

namespace fdrpc {

// Calls that are one datagram each way, without a connection (docs/protocol.md,
// "Calls in datagrams"). Behind a header are frames of version 1, which carry
// the ids below.

inline constexpr char kDatagramCallMagic[] = "FDRC";
inline constexpr char kDatagramAnswerMagic[] = "FDRA";
inline constexpr size_t kDatagramHeaderBytes = 24;
inline constexpr size_t kDatagramKeyOffset = 8;
// Of the frames: a datagram has one call and one method.
inline constexpr uint32_t kDatagramCallId = 1;
inline constexpr uint32_t kDatagramMethodId = 1;

// What an answer must repeat, so that it belongs to its call and nobody else
// can make one.
struct DatagramTag {
  uint64_t key = 0;   // random, of the client's socket
  uint64_t call = 0;  // random, of the call

  friend bool operator==(const DatagramTag&, const DatagramTag&) = default;
};

// A client's datagram. Views borrow from its bytes.
struct DatagramCall {
  DatagramTag tag;
  std::string_view method;
  FrameHeader open;
  std::string_view payload;  // of the open frame
};

// Appends the header of a client's datagram, and the method's name.
void AppendDatagramCall(const DatagramTag& tag, std::string_view method,
                        std::string& to);
// INVALID_ARGUMENT, with the mistake, if the bytes are not one call. Does not
// look into the open frame's payload.
absl::Status DecodeDatagramCall(std::string_view bytes, DatagramCall& call);

// The header of a server's datagram.
void AppendDatagramAnswer(const DatagramTag& tag, std::string& to);
// INVALID_ARGUMENT if the bytes do not begin with such a header. `frames` is
// the rest.
absl::Status DecodeDatagramAnswer(std::string_view bytes, DatagramTag& tag,
                                  std::string_view& frames);

// Removes the first frame from `frames`. INVALID_ARGUMENT if it is cut off, or
// `sender` may not send it in a datagram.
absl::Status TakeDatagramFrame(std::string_view& frames, Side sender,
                               FrameHeader& header, std::string_view& payload);

}  // namespace fdrpc

#endif  // FDRPC_WIRE_DATAGRAM_H_
