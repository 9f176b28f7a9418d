#ifndef FDRPC_SERVICES_TOOL_REPLY_TEXT_H_
#define FDRPC_SERVICES_TOOL_REPLY_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "fdrpc/descriptor_info.h"
#include "fdrpc/dynamic_parcel.h"

namespace fdrpc::tool {

// A received message as JSON, in one line. In place of an fdrpc.Fd stands what
// its descriptor is:
//
//   {"$fd":"regular file","access":"reading","size":12,"path":"/tmp/x"}
//
// "path" is there if the kernel tells one. The parcel stays as it is. INTERNAL
// if the message has no JSON, such as text that is not UTF-8.
absl::StatusOr<std::string> ReplyText(DynamicParcel& parcel);

// The same for a message without its descriptors: `descriptor` gives what
// stands in place of the field with that index, counted from 0, and slot.
absl::StatusOr<std::string> MessageText(
    DynamicParcel& parcel,
    absl::FunctionRef<std::string(uint32_t index, uint32_t slot)> descriptor);
// What stands there; null, if it is null.
std::string DescriptorText(const DescriptorInfo* info);
// In words: "regular file, reading, 12 bytes".
std::string DescriptorWords(const DescriptorInfo& info);

// The bytes of a JSON string, with its quotes.
std::string Quoted(const std::string& text);

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_REPLY_TEXT_H_
