#ifndef FDRPC_WIRE_HELLO_H_
#define FDRPC_WIRE_HELLO_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "wire/limits.h"

namespace fdrpc {

// The content of each side's first frame: the versions that it supports and the
// limits of what it accepts (docs/protocol.md, "Handshake").
struct Hello {
  static constexpr uint16_t kVersion = 1;
  // A bit of `features`: rings in shared memory (docs/protocol.md, "Rings").
  static constexpr uint64_t kRings = 1;

  uint16_t version = kVersion;  // the newest that the sender supports
  uint16_t oldest_version = kVersion;
  uint64_t features = 0;  // optional features that the sender supports
  uint32_t max_message_bytes = kGuaranteedMessageBytes;
  uint32_t max_descriptors = kGuaranteedDescriptors;
  uint32_t max_calls = kGuaranteedCalls;
  // The initial credit of the peer for each stream.
  uint32_t initial_credit_bytes = kGuaranteedCreditBytes;
  uint32_t initial_credit_descriptors = kGuaranteedCreditDescriptors;

  friend bool operator==(const Hello&, const Hello&) = default;
};

inline constexpr size_t kHelloBytes = 36;

// Writes kHelloBytes bytes.
void EncodeHello(const Hello& hello, char* to);
// INVALID_ARGUMENT if `payload` is not a hello, or a limit is below the one
// that the protocol guarantees. Additional bytes are from a later version, and
// are ignored.
absl::StatusOr<Hello> DecodeHello(std::string_view payload);

// FAILED_PRECONDITION if the two sides have no version in common.
absl::Status CheckVersions(const Hello& ours, const Hello& theirs);

}  // namespace fdrpc

#endif  // FDRPC_WIRE_HELLO_H_
