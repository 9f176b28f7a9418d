#ifndef FDRPC_SERVICES_PROGRAM_COMMAND_LINE_H_
#define FDRPC_SERVICES_PROGRAM_COMMAND_LINE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace fdrpc::program {

// The words of a command line: options "--name value", "--name=value" and
// "--name", for some also "-n value" and "-n", operands between them in any
// order, and after a word "--" a command, which is not parsed. Owns the words
// except the command, which belongs to argv.
class CommandLine {
 public:
  enum class Arity { kFlag, kOnce, kRepeated };
  struct Option {
    std::string_view name;  // without the dashes
    Arity arity;
    char letter = 0;  // of the short form "-v"; 0: there is none
  };

  // INVALID_ARGUMENT names the wrong word.
  static absl::StatusOr<CommandLine> Parse(int argc, char** argv,
                                           absl::Span<const Option> options);

  bool Has(std::string_view option) const { return Get(option).has_value(); }
  // The value, empty for a flag; the first one if the option was repeated.
  std::optional<std::string> Get(std::string_view option) const;
  std::vector<std::string> GetAll(std::string_view option) const;

  const std::vector<std::string>& operands() const { return operands_; }
  // The words after "--", with a null pointer at the end, as for execvp(3);
  // null if there is no "--".
  char** command() const { return command_; }

 private:
  struct GivenOption {
    std::string name;
    std::string value;
  };

  CommandLine() = default;

  std::vector<GivenOption> given_;
  std::vector<std::string> operands_;
  char** command_ = nullptr;
};

// Permissions in octal, as for chmod(1), at most 0777.
absl::StatusOr<mode_t> ParsePermissions(std::string_view text);

// A time greater than zero, such as "500ms", "5s" or "inf".
absl::StatusOr<absl::Duration> ParseTime(std::string_view text);

// A whole number greater than zero.
absl::StatusOr<uint64_t> ParseNumber(std::string_view text);

// A number of bytes greater than zero, such as "4096", "64K", "512M" or "2G"
// (powers of 1024).
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);

}  // namespace fdrpc::program

#endif  // FDRPC_SERVICES_PROGRAM_COMMAND_LINE_H_
