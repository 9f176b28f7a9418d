#ifndef FDRPC_SERVICES_TOOL_REQUEST_LINES_H_
#define FDRPC_SERVICES_TOOL_REQUEST_LINES_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::tool {

// The lines of standard input that are not empty, one after the other.
//
// Threads: one reads; Stop() from any.
class RequestLines {
 public:
  RequestLines();

  // Blocks until there is a line. Empty at the end of the input, after an error
  // (status()), and after Stop().
  std::optional<std::string> Next();
  // The number of the last line, from 1.
  size_t number() const { return number_; }
  const absl::Status& status() const { return status_; }

  // Wakes Next().
  void Stop();

 private:
  // False at the end.
  bool ReadMore();

  UniqueFd stop_;  // an eventfd
  std::string buffer_;
  bool at_end_ = false;
  size_t number_ = 0;
  absl::Status status_;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_REQUEST_LINES_H_
