#ifndef FDRPC_WIRE_FRAME_RULES_H_
#define FDRPC_WIRE_FRAME_RULES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "wire/frame_header.h"
#include "wire/hello.h"
#include "wire/limits.h"
#include "wire/ring_layout.h"

namespace fdrpc {

enum class Side : uint8_t { kClient, kServer };

// What the header of a frame of one type may contain, whatever the state of the
// connection and of its calls: a row of the table in docs/protocol.md,
// "Frames", in the same words.
struct FrameRule {
  enum class From : uint8_t { kClient, kServer, kBoth };
  struct Range {
    uint32_t least;
    uint32_t most;
  };

  FrameType type;
  const char* name;
  From from;
  bool of_call;  // has a call's id; otherwise 0
  Range argument;
  Range payload_bytes;
  uint8_t flags;
  uint8_t client_flags;  // `flags` that a server does not send
  uint8_t needed_flags;  // at least one of these; 0: none needed
  // How many it has. If it may have a message, any number with that instead.
  Range descriptors = {0, 0};

  constexpr bool ComesFrom(Side sender) const {
    return from == From::kBoth ||
           (from == From::kClient) == (sender == Side::kClient);
  }
  constexpr uint8_t FlagsOf(Side sender) const {
    const int withheld = sender == Side::kClient ? 0 : client_flags;
    return static_cast<uint8_t>(flags & ~withheld);
  }
  // For flags whose value has another meaning with other types.
  constexpr bool Has(uint8_t flag) const { return (flags & flag) != 0; }
};

inline constexpr uint8_t kOpenFlags = kFlagTimeout | kFlagOneWay |
                                      kFlagMetadata | kFlagMessage | kFlagMore |
                                      kFlagHalfClose;
inline constexpr uint8_t kStatusFlags =
    kFlagDetails | kFlagTrailers | kFlagMetadata | kFlagMessage;

namespace frame_rules {

using enum FrameRule::From;
using enum FrameType;

inline constexpr bool kConnection = false;
inline constexpr bool kCall = true;
inline constexpr FrameRule::Range kNone = {0, 0};
inline constexpr FrameRule::Range kAny = {0, UINT32_MAX};
inline constexpr FrameRule::Range kPositive = {1, UINT32_MAX};
inline constexpr FrameRule::Range kMethodId = {1, kMaxMethods};
inline constexpr FrameRule::Range kSections = {0, kMaxFramePayloadBytes};
inline constexpr FrameRule::Range kHelloPayload = {kHelloBytes, kMaxHelloBytes};
inline constexpr FrameRule::Range kName = {1, kMaxMethodNameBytes};
inline constexpr FrameRule::Range kReason = {0, kMaxReasonBytes};
inline constexpr FrameRule::Range kRingBytes = {ring_layout::kLeastRingBytes,
                                                ring_layout::kMostRingBytes};
inline constexpr uint8_t kPieceFlags = kFlagMessage | kFlagMore;

// By type: from 1, then those that older peers skip.
// clang-format off
inline constexpr FrameRule kTable[] = {
    {kHello,   "hello",   kBoth,   kConnection, kNone,     kHelloPayload, 0, 0, 0},
    {kOpen,    "open",    kClient, kCall,       kMethodId, kSections, kOpenFlags, 0, 0},
    {kHeaders, "headers", kServer, kCall,       kNone,     kSections, kFlagMetadata, 0, kFlagMetadata},
    {kMessage, "message", kBoth,   kCall,       kNone,     kSections, kPieceFlags | kFlagHalfClose,
     kFlagHalfClose, kFlagMessage | kFlagHalfClose},
    {kStatus,  "status",  kServer, kCall,       kAny,      kSections, kStatusFlags, 0, 0},
    {kCancel,  "cancel",  kClient, kCall,       kNone,     kNone, 0, 0, 0},
    {kCredit,  "credit",  kBoth,   kCall,       kPositive, kNone, kFlagDescriptors, 0, 0},
    {kPing,    "ping",    kBoth,   kConnection, kAny,      kNone, 0, 0, 0},
    {kPong,    "pong",    kBoth,   kConnection, kAny,      kNone, 0, 0, 0},
    {kGoAway,  "go-away", kServer, kConnection, kAny,      kReason, 0, 0, 0},
    {kMethod,  "method",  kClient, kConnection, kMethodId, kName, 0, 0, 0},
    {kWantRings, "want-rings", kClient, kConnection, kRingBytes, kNone, 0, 0, 0},
    {kRegion,    "region",     kServer, kConnection, kRingBytes, kNone, 0, 0, 0, {1, 1}},
    {kToRing,    "to-ring",    kBoth,   kConnection, kNone,      kNone, 0, 0, 0},
    {kToSocket,  "to-socket",  kBoth,   kConnection, kNone,      kNone, 0, 0, 0},
    {kDoorbell,  "doorbell",   kBoth,   kConnection, kNone,      kNone, 0, 0, 0},
    {kNoRings,   "no-rings",   kBoth,   kConnection, kNone,      kNone, 0, 0, 0},
    {kOffer,   "offer",   kBoth,   kConnection, kNone,     kNone, 0, 0, 0, {0, 1}},
};
// clang-format on

}  // namespace frame_rules

inline constexpr auto& kFrameRules = frame_rules::kTable;

// Whether a frame of that type is skipped: one that this version does not know,
// and that may be ignored.
constexpr bool IsSkipped(uint8_t type) {
  return type >= kFirstSkippableType &&
         type != static_cast<uint8_t>(FrameType::kOffer);
}
// INVALID_ARGUMENT, with the mistake, if `sender` may never send such a header.
// Not for types that are skipped.
absl::Status CheckFrame(const FrameHeader& header, Side sender);

// Whether a header respects the limits of all frames, including those of
// unknown types. If not, nothing after it can be read.
inline bool FitsLimits(const FrameHeader& header) {
  return header.payload_bytes <= kMaxFramePayloadBytes &&
         header.descriptor_count <= kMaxFrameDescriptors;
}
// INVALID_ARGUMENT, for a header that does not.
absl::Status FrameTooLarge(const FrameHeader& header);

}  // namespace fdrpc

#endif  // FDRPC_WIRE_FRAME_RULES_H_
