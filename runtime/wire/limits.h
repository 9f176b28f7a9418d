#ifndef FDRPC_WIRE_LIMITS_H_
#define FDRPC_WIRE_LIMITS_H_

#include <cstddef>
#include <cstdint>

// The limits that are part of the protocol; docs/protocol.md, "Limits", has
// their reasons. What a side may choose for itself is in its hello.
namespace fdrpc {

// The payload of one frame. Longer messages are sent in pieces.
inline constexpr uint32_t kMaxFramePayloadBytes = 1u << 20;
// The piece of a message that a sender puts into one frame, which leaves room
// for what stands before it.
inline constexpr uint32_t kMaxPieceBytes = 672u << 10;
// Descriptors of one frame: what one sendmsg(2) takes.
inline constexpr uint32_t kMaxFrameDescriptors = 253;
// What senders put into one, with a place left for the memory file of a sealed
// frame.
inline constexpr uint32_t kMaxSentFrameDescriptors = kMaxFrameDescriptors - 1;
// A packet of a seqpacket socket, which holds whole frames.
inline constexpr size_t kMaxPacketBytes = 64u << 10;

inline constexpr size_t kMaxHelloBytes = 256;
inline constexpr size_t kMaxMethodNameBytes = 1024;
// Why a server goes away, in words.
inline constexpr size_t kMaxReasonBytes = 1024;
// A client that has used this one makes a new connection.
inline constexpr uint32_t kLastCallId = 0xffffffff;
// Distinct methods that a connection can name.
inline constexpr uint32_t kMaxMethods = 4096;
inline constexpr size_t kMaxMetadataBytes = 64u << 10;
inline constexpr size_t kMaxMetadataEntries = 1024;
inline constexpr size_t kMaxStatusMessageBytes = 16u << 10;

// What every receiver accepts, so that a client can send before it has read the
// server's hello.
inline constexpr uint32_t kGuaranteedMessageBytes = 64u << 10;
inline constexpr uint32_t kGuaranteedDescriptors = 16;
inline constexpr uint32_t kGuaranteedCalls = 16;
inline constexpr uint32_t kGuaranteedCreditBytes = 64u << 10;
inline constexpr uint32_t kGuaranteedCreditDescriptors = 16;

// What a message of a stream costs beside its bytes, so that empty ones are
// bounded too.
inline constexpr uint32_t kMessageCostBytes = 16;
// More credit than that is a peer's mistake.
inline constexpr uint32_t kMaxCredit = 1u << 30;

}  // namespace fdrpc

#endif  // FDRPC_WIRE_LIMITS_H_
