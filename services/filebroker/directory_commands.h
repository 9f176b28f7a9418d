#ifndef FDRPC_SERVICES_FILEBROKER_DIRECTORY_COMMANDS_H_
#define FDRPC_SERVICES_FILEBROKER_DIRECTORY_COMMANDS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "services/program/command_line.h"

namespace fdrpc::filebroker {

// What fdrpc-open does with directories, instead of opening a file.
struct DirectoryCommand {
  enum class Kind { kList, kWatch, kRename, kUnlink, kMakeDirectory };

  Kind kind = Kind::kList;
  std::vector<std::string> paths;
  bool no_replace = false;    // of kRename
  bool is_directory = false;  // of kUnlink
};

// Empty if the command line has none. INVALID_ARGUMENT names the wrong word.
absl::StatusOr<std::optional<DirectoryCommand>> ParseDirectoryCommand(
    const program::CommandLine& line);

// Prints to standard output, whose state tells whether it could; ends if it
// cannot. The timeout of `call` is for each call, but not
// for watching and listing, which last as long as they do.
absl::Status RunDirectoryCommand(const Channel& channel,
                                 const DirectoryCommand& command,
                                 const CallOptions& call);

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_DIRECTORY_COMMANDS_H_
