#include "client/server_terms.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "call/message_assembler.h"

namespace fdrpc {

void ServerTerms::OnHello(const Hello& hello) {
  hello_ = hello;
  has_hello_ = true;
}

Credit ServerTerms::initial_credit() const {
  return {.bytes = hello_.initial_credit_bytes,
          .descriptors = hello_.initial_credit_descriptors};
}

absl::Status ServerTerms::CheckSize(size_t bytes, size_t descriptors) const {
  if (!has_hello_) return absl::OkStatus();
  if (bytes > hello_.max_message_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the request of ", bytes, " bytes exceeds the server's limit of ",
        hello_.max_message_bytes, kAboutByteLimit));
  }
  if (descriptors > hello_.max_descriptors) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the request with ", descriptors,
                     " descriptors exceeds the server's limit of ",
                     hello_.max_descriptors, kAboutDescriptorLimit));
  }
  return absl::OkStatus();
}

absl::Status ServerTerms::OnGoAway(uint32_t last_call_id,
                                   std::string_view reason) {
  // Calls after the former id may have been made again.
  if (last_call_id > last_call_id_) {
    return absl::InvalidArgumentError(
        "a go-away with a higher call id than one before it");
  }
  last_call_id_ = last_call_id;
  go_away_ = absl::UnavailableError(
      reason.empty() ? "the server is shutting down" : std::string(reason));
  return absl::OkStatus();
}

absl::Status ServerTerms::WithReason(const absl::Status& why) const {
  if (go_away_.ok() || !absl::IsUnavailable(why)) return why;
  return absl::UnavailableError(absl::StrCat(std::string(why.message()), ": ",
                                             std::string(go_away_.message())));
}

}  // namespace fdrpc
