#include "services/program/command_line.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::program {
namespace {

std::optional<uint64_t> ToNumber(std::string_view digits) {
  uint64_t number = 0;
  // SimpleAtoi() would take spaces and signs, too.
  if (digits.find_first_not_of("0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(std::string(digits), &number) || number == 0) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

absl::StatusOr<CommandLine> CommandLine::Parse(
    int argc, char** argv, absl::Span<const Option> options) {
  CommandLine line;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") {
      line.command_ = argv + i + 1;
      break;
    }
    if (!word.starts_with('-') || word == "-") {
      line.operands_.emplace_back(word);
      continue;
    }
    const size_t equals = word.find('=');
    const std::string shown(word.substr(0, equals));
    const auto option = std::find_if(
        options.begin(), options.end(), [&](const Option& candidate) {
          if (candidate.letter != 0 && shown.size() == 2 &&
              shown[1] == candidate.letter) {
            return true;
          }
          return shown.starts_with("--") &&
                 std::string_view(shown).substr(2) == candidate.name;
        });
    if (option == options.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no option ", shown));
    }
    if (option->arity != Arity::kRepeated && line.Has(option->name)) {
      return absl::InvalidArgumentError(absl::StrCat(shown, " is given twice"));
    }
    std::string_view value;
    if (equals != std::string_view::npos) {
      if (option->arity == Arity::kFlag) {
        return absl::InvalidArgumentError(
            absl::StrCat(shown, " takes no value"));
      }
      value = word.substr(equals + 1);
    } else if (option->arity != Arity::kFlag) {
      if (i + 1 == argc) {
        return absl::InvalidArgumentError(
            absl::StrCat(shown, " needs a value"));
      }
      value = argv[++i];
    }
    line.given_.push_back({std::string(option->name), std::string(value)});
  }
  return line;
}

std::optional<std::string> CommandLine::Get(std::string_view option) const {
  for (const GivenOption& given : given_) {
    if (given.name == option) return given.value;
  }
  return std::nullopt;
}

std::vector<std::string> CommandLine::GetAll(std::string_view option) const {
  std::vector<std::string> values;
  for (const GivenOption& given : given_) {
    if (given.name == option) values.push_back(given.value);
  }
  return values;
}

absl::StatusOr<mode_t> ParsePermissions(std::string_view text) {
  mode_t permissions = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7') permissions = 01000;
    permissions = permissions * 8 + static_cast<mode_t>(digit - '0');
    if (permissions > 0777) break;
  }
  if (text.empty() || permissions > 0777) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", std::string(text),
                     "\" is not a mode: octal digits, at most 0777"));
  }
  return permissions;
}

absl::StatusOr<absl::Duration> ParseTime(std::string_view text) {
  const std::string time(text);
  absl::Duration parsed;
  if (!absl::ParseDuration(time, &parsed) || parsed <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", time, "\" is not a time such as 500ms, 5s or inf"));
  }
  return parsed;
}

absl::StatusOr<uint64_t> ParseNumber(std::string_view text) {
  if (const auto number = ToNumber(text); number.has_value()) return *number;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", std::string(text), "\" is not a whole number greater than zero"));
}

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  std::string_view digits = text;
  int shift = 0;
  if (!text.empty()) {
    const size_t unit = kUnits.find(text.back());
    if (unit != std::string_view::npos) {
      shift = 10 * static_cast<int>(unit + 1);
      digits.remove_suffix(1);
    }
  }
  const std::optional<uint64_t> number = ToNumber(digits);
  if (!number.has_value() ||
      *number > std::numeric_limits<uint64_t>::max() >> shift) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", std::string(text),
                     "\" is not a number of bytes such as 4096, 64K, 512M "
                     "or 2G"));
  }
  return *number << shift;
}

}  // namespace fdrpc::program
