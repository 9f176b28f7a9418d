#ifndef FDRPC_SERVICES_FILEBROKER_COMMAND_LINE_H_
#define FDRPC_SERVICES_FILEBROKER_COMMAND_LINE_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace fdrpc::filebroker {

// The words of a command line: options "--name value", "--name=value" and
// "--name", operands among them in any order, and behind a word "--" a command
// that is left as it is. Owns the words but for the command, which stays
// argv's.
class CommandLine {
 public:
  enum class Arity { kFlag, kOnce, kRepeated };
  struct Option {
    std::string_view name;  // without the dashes
    Arity arity;
  };

  // INVALID_ARGUMENT says which word is wrong.
  static absl::StatusOr<CommandLine> Parse(int argc, char** argv,
                                           absl::Span<const Option> options);

  bool Has(std::string_view option) const { return Get(option).has_value(); }
  // The value, empty for a flag; the first one if it was repeated.
  std::optional<std::string> Get(std::string_view option) const;
  std::vector<std::string> GetAll(std::string_view option) const;

  const std::vector<std::string>& operands() const { return operands_; }
  // What stands behind "--", ended by a null pointer as execvp(3) wants it;
  // null if there is no "--".
  char** command() const { return command_; }

 private:
  struct Given {
    std::string name;
    std::string value;
  };

  CommandLine() = default;

  std::vector<Given> given_;
  std::vector<std::string> operands_;
  char** command_ = nullptr;
};

// Permissions as chmod(1) takes them, in octal, at most 0777.
absl::StatusOr<mode_t> ParsePermissions(std::string_view text);

// A time greater than zero, such as "500ms", "5s" or "inf".
absl::StatusOr<absl::Duration> ParseTime(std::string_view text);

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_COMMAND_LINE_H_
