#include "server/reply_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "call/prepare_message.h"
#include "call/status_in_place.h"
#include "fdrpc/internal/plain_message.h"
#include "os/background_close.h"
#include "wire/metadata_block.h"

namespace fdrpc {
namespace {

// Keys and values that break the rules are the handler's mistake, not the
// client's; if there is too much metadata, the status says so.
absl::Status CheckHandlersMetadata(const Metadata& metadata, const char* name) {
  absl::Status valid = CheckMetadata(metadata);
  if (valid.ok()) return valid;
  return absl::Status(
      absl::IsResourceExhausted(valid) ? valid.code()
                                       : absl::StatusCode::kInternal,
      absl::StrCat("the handler's ", name, ": ", valid.message()));
}

// A parcel that is not in order, or a missing required field, is the handler's
// mistake, not the client's.
absl::Status HandlersFault(absl::Status error) {
  return absl::IsInvalidArgument(error) ? absl::InternalError(error.message())
                                        : error;
}

}  // namespace

absl::Status ReplyBuilder::Headers(const Metadata& headers,
                                   OutgoingFrames& frames) const {
  absl::Status valid = CheckHandlersMetadata(headers, "headers");
  if (valid.ok()) frames.push_back(BuildHeaders(call_id_, headers));
  return valid;
}

absl::Status ReplyBuilder::Message(const OutgoingMessage& message,
                                   StreamMessage& prepared) const {
  if (remote_) {
    absl::Status plain = internal::CheckPlain(message.parcel, "reply");
    if (!plain.ok()) return plain;
  }
  return HandlersFault(PrepareStreamMessage(call_id_, message,
                                            method_.reply_has_any, limits_,
                                            /*half_close=*/false, prepared));
}

OutgoingFrames ReplyBuilder::End(absl::Status& status,
                                 const OutgoingMessage* reply,
                                 Metadata& headers, Metadata& trailers) const {
  const bool replies_once = !method_.streams_replies();
  // For a client that knows the method as an ordinary one: its reply has no
  // fields, so no bytes.
  const bool empty_reply = status.ok() && reply == nullptr && method_.one_way;
  BackgroundCloseScope closes;
  DescriptorSet descriptors;
  if (remote_ && reply != nullptr && status.ok()) {
    status = internal::CheckPlain(reply->parcel, "reply");
  }
  if (status.ok() && replies_once && !empty_reply) {
    status = reply != nullptr
                 ? HandlersFault(PrepareMessage(*reply, method_.reply_has_any,
                                                limits_, descriptors))
                 : absl::InternalError("the handler returned no reply");
  }
  for (const auto& [metadata, name] :
       {std::pair(&headers, "headers"), std::pair(&trailers, "trailers")}) {
    absl::Status valid = CheckHandlersMetadata(*metadata, name);
    if (valid.ok()) continue;
    status = InPlaceOf(status, valid);
    metadata->Clear();
  }
  if (!status.ok()) descriptors.clear();
  const bool replies = status.ok() && replies_once && !empty_reply;
  OutgoingFrames end =
      BuildStatus(call_id_, status, headers, trailers,
                  replies ? reply : nullptr, std::move(descriptors));
  if (status.ok() && empty_reply) AddFlags(end.front(), kFlagMessage);
  return end;
}

}  // namespace fdrpc
