#include "client/call_request.h"

#include <utility>

#include "call/prepare_message.h"
#include "wire/metadata_block.h"

namespace fdrpc {
namespace {

// Copies frames without descriptors into an empty list.
void Copy(const OutgoingFrames& frames, OutgoingFrames& copies) {
  for (const OutgoingFrame& frame : frames) {
    OutgoingFrame& copy = copies.emplace_back();
    copy.head = frame.head;
    if (frame.attached != nullptr) {
      copy.Attach().body = frame.attached->body;
      copy.attached->body_bytes = frame.attached->body_bytes;
    }
  }
}

}  // namespace

absl::Status CallRequest::Prepare(const Method& method,
                                  const OutgoingMessage* request, bool borrow,
                                  bool has_timeout, const Metadata& metadata,
                                  OutgoingFrames& open) {
  one_way_ = method.one_way;
  has_timeout_ = has_timeout;
  DescriptorSet descriptors;
  if (request != nullptr) {
    // The server's limits are checked once they are known.
    absl::Status prepared = PrepareMessage(*request, method.request_has_any,
                                           kNoMessageLimits, descriptors);
    if (!prepared.ok()) return prepared;
    bytes_ = request->message->ByteSizeLong();
    descriptors_ = descriptors.size();
    if (borrow) {
      message_ = request->message;
      metadata_ = &metadata;
    }
  }
  absl::Status valid = CheckMetadata(metadata);
  if (!valid.ok()) return valid;
  open = BuildOpen(request == nullptr ? nullptr : request->message,
                   std::move(descriptors), has_timeout, metadata);
  if (message_ == nullptr && descriptors_ == 0) {
    const OutgoingFrame& first = open.front();
    stays_ = request != nullptr && open.size() == 1 &&
             first.attached == nullptr && first.head.size() <= kMostBareBytes;
    if (!stays_) Copy(open, copies_);
  }
  if (one_way_) MakeOneWay(open);
  return absl::OkStatus();
}

OutgoingFrames CallRequest::BuildAgain() const {
  OutgoingFrames frames;
  if (descriptors_ > 0) return frames;
  if (message_ != nullptr) {
    frames = BuildOpen(message_, {}, has_timeout_, *metadata_);
  } else {
    Copy(copies_, frames);
  }
  if (one_way_ && !frames.empty()) MakeOneWay(frames);
  return frames;
}

}  // namespace fdrpc
