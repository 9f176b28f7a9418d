#ifndef FDRPC_SERVICES_PROGRAM_ONE_LINE_H_
#define FDRPC_SERVICES_PROGRAM_ONE_LINE_H_

#include <string>
#include <string_view>

namespace fdrpc::program {

// The text with control characters escaped: one line, whatever a server or the
// name of a file contains.
std::string OneLine(std::string_view text);

}  // namespace fdrpc::program

#endif  // FDRPC_SERVICES_PROGRAM_ONE_LINE_H_
