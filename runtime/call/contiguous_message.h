#ifndef FDRPC_CALL_CONTIGUOUS_MESSAGE_H_
#define FDRPC_CALL_CONTIGUOUS_MESSAGE_H_

#include <cstddef>
#include <string_view>

#include "google/protobuf/message_lite.h"

namespace fdrpc {

// As MessageLite's functions for arrays, except that fields of a few KiB to
// some tens of them are copied in small steps. On AMD's Zen 3 and 4, `rep
// movsb`, by which memcpy(3) copies larger ones, takes 16 times as long if the
// target's offset in its page is 1 to 31 bytes behind the source's (glibc's bug
// 30994). Neighbours on the heap are so if their size is a power of two.

// At most 2 GiB.
bool ParseContiguous(google::protobuf::MessageLite& message,
                     std::string_view bytes);
// `bytes`: ByteSizeLong(), which was called before. For at most 2 GiB.
void SerialiseContiguous(const google::protobuf::MessageLite& message, char* to,
                         size_t bytes);

}  // namespace fdrpc

#endif  // FDRPC_CALL_CONTIGUOUS_MESSAGE_H_
