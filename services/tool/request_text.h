#ifndef FDRPC_SERVICES_TOOL_REQUEST_TEXT_H_
#define FDRPC_SERVICES_TOOL_REQUEST_TEXT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/dynamic_parcel.h"
#include "services/tool/given_descriptor.h"

namespace fdrpc::tool {

// Turns JSON (protobuf's own mapping) into messages. In place of an fdrpc.Fd
// stands {"$fd": "r:./in.txt"}, or {"$fd": 7} for an inherited descriptor.
class RequestText {
 public:
  RequestText();

  // Fills the parcel, whose message is empty, and attaches what the descriptors
  // of `json` say. INVALID_ARGUMENT if it is not the JSON of such a message;
  // otherwise an error of OpenDescriptor().
  absl::Status Parse(const std::string& json, DynamicParcel& parcel);

  // The ends of the pipes that were sent, one time.
  std::vector<UniqueFd> TakeFeeds() { return std::move(feeds_); }
  std::vector<UniqueFd> TakeOutputs() { return std::move(outputs_); }

 private:
  // Replaces the descriptors by {"slot": n, "parcel": mark_}; `texts` are they.
  absl::StatusOr<std::string> Replace(const std::string& json,
                                      std::vector<std::string>& texts) const;
  absl::Status Attach(const std::vector<std::string>& texts,
                      DynamicParcel& parcel);

  const uint64_t mark_;  // nobody can guess it
  std::vector<UniqueFd> feeds_;
  std::vector<UniqueFd> outputs_;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_REQUEST_TEXT_H_
