#include "call/kinds_differ.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace fdrpc {

absl::Status KindsDiffer(std::string_view full_name, std::string_view one,
                         std::string_view stream, bool streams_on_server) {
  const std::string single = absl::StrCat("one ", std::string(one));
  const std::string many = absl::StrCat("a stream of ", std::string(stream));
  return absl::InternalError(absl::StrCat(
      "method ", std::string(full_name), " has ",
      streams_on_server ? many : single, " on the server, ",
      streams_on_server ? single : many,
      " on the client: the two were built from different versions of the "
      "service"));
}

}  // namespace fdrpc
