#include "wire/hello.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "wire/byte_reader.h"

namespace fdrpc {
namespace {

// "FDRP", as the bytes are in the stream.
constexpr uint32_t kMagic = 0x50524446;

}  // namespace

void EncodeHello(const Hello& hello, char* to) {
  StoreLittleEndian(to, kMagic);
  StoreLittleEndian(to + 4, hello.version);
  StoreLittleEndian(to + 6, hello.oldest_version);
  StoreLittleEndian(to + 8, hello.features);
  StoreLittleEndian(to + 16, hello.max_message_bytes);
  StoreLittleEndian(to + 20, hello.max_descriptors);
  StoreLittleEndian(to + 24, hello.max_calls);
  StoreLittleEndian(to + 28, hello.initial_credit_bytes);
  StoreLittleEndian(to + 32, hello.initial_credit_descriptors);
}

absl::StatusOr<Hello> DecodeHello(std::string_view payload) {
  ByteReader reader(payload);
  uint32_t magic = 0;
  Hello hello;
  if (!reader.Read(magic) || !reader.Read(hello.version) ||
      !reader.Read(hello.oldest_version) || !reader.Read(hello.features) ||
      !reader.Read(hello.max_message_bytes) ||
      !reader.Read(hello.max_descriptors) || !reader.Read(hello.max_calls) ||
      !reader.Read(hello.initial_credit_bytes) ||
      !reader.Read(hello.initial_credit_descriptors)) {
    return absl::InvalidArgumentError("the hello is too short");
  }
  if (magic != kMagic) {
    return absl::InvalidArgumentError("the peer does not speak fdrpc");
  }
  if (hello.version == 0 || hello.oldest_version == 0 ||
      hello.oldest_version > hello.version) {
    return absl::InvalidArgumentError("the hello's versions are invalid");
  }
  if (hello.max_message_bytes < kGuaranteedMessageBytes ||
      hello.max_descriptors < kGuaranteedDescriptors ||
      hello.max_calls < kGuaranteedCalls ||
      hello.initial_credit_bytes < kGuaranteedCreditBytes ||
      hello.initial_credit_descriptors < kGuaranteedCreditDescriptors) {
    return absl::InvalidArgumentError(
        "the hello's limits are below those that the protocol guarantees");
  }
  if (hello.initial_credit_bytes > kMaxCredit ||
      hello.initial_credit_descriptors > kMaxCredit) {
    return absl::InvalidArgumentError("the hello's credit is invalid");
  }
  return hello;
}

absl::Status CheckVersions(const Hello& ours, const Hello& theirs) {
  if (theirs.version < ours.oldest_version ||
      theirs.oldest_version > ours.version) {
    return absl::FailedPreconditionError(
        absl::StrCat("the peer speaks versions ", theirs.oldest_version, " to ",
                     theirs.version, " of the protocol, this side ",
                     ours.oldest_version, " to ", ours.version));
  }
  return absl::OkStatus();
}

}  // namespace fdrpc
