#ifndef FDRPC_SERVICES_TOOL_GIVEN_DESCRIPTOR_H_
#define FDRPC_SERVICES_TOOL_GIVEN_DESCRIPTOR_H_

#include <string>

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::tool {

// A descriptor to send, as the user writes it in place of an fdrpc.Fd:
//
//   r:PATH w:PATH rw:PATH a:PATH   a file for reading, writing (emptied), both,
//                                  appending; all but r: create it
//   dir:PATH path:PATH             a directory; a file without access (O_PATH)
//   fd:NUMBER                      an inherited descriptor
//   stdin stdout stderr
//   memfd:TEXT                     a memory file with TEXT, at its beginning
//   pipe:r pipe:w                  the end for reading or writing of a new pipe
struct GivenDescriptor {
  UniqueFd fd;
  // Of a pipe: the other end, which stays here.
  UniqueFd feed;    // what standard input has goes there
  UniqueFd output;  // what comes from there goes to standard output
};

// INVALID_ARGUMENT if `text` is none of these; NOT_FOUND and so on if it cannot
// be opened. Both name it.
absl::StatusOr<GivenDescriptor> OpenDescriptor(const std::string& text);

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_GIVEN_DESCRIPTOR_H_
