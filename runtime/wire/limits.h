#ifndef FDRPC_WIRE_LIMITS_H_
#define FDRPC_WIRE_LIMITS_H_

#include <cstddef>
#include <cstdint>

// The limits that are part of the protocol; docs/protocol.md, "Limits", gives
// the reasons. Limits that each side can choose are in its hello.
namespace fdrpc {

// Of the payload of one frame. Longer messages are sent in pieces.
inline constexpr uint32_t kMaxFramePayloadBytes = 1u << 20;
// The part of a message that a sender puts into one frame; leaves room for the
// sections before it.
inline constexpr uint32_t kMaxPieceBytes = 672u << 10;
// Of one frame: what one sendmsg(2) takes.
inline constexpr uint32_t kMaxFrameDescriptors = 253;
// How many a sender puts into one frame; leaves a place for the memory file of
// a sealed frame.
inline constexpr uint32_t kMaxSentFrameDescriptors = kMaxFrameDescriptors - 1;
// Of a packet of a seqpacket socket, which holds whole frames.
inline constexpr size_t kMaxPacketBytes = 64u << 10;

inline constexpr size_t kMaxHelloBytes = 256;
inline constexpr size_t kMaxMethodNameBytes = 1024;
// Of the text that says why a server goes away.
inline constexpr size_t kMaxReasonBytes = 1024;
// A client that has used this id makes a new connection.
inline constexpr uint32_t kLastCallId = 0xffffffff;
// How many distinct methods a connection can name.
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

// The cost of a message of a stream in addition to its bytes, so that empty
// messages are limited too.
inline constexpr uint32_t kMessageCostBytes = 16;
// More credit than this is an error of the peer.
inline constexpr uint32_t kMaxCredit = 1u << 30;

}  // namespace fdrpc

#endif  // FDRPC_WIRE_LIMITS_H_
