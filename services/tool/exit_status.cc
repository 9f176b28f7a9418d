#include "services/tool/exit_status.h"

#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace fdrpc::tool {
namespace {

void Print(const std::string& text) {
  std::cerr << absl::StrCat("fdrpc: ", OneLine(text), "\n");
}

}  // namespace

std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&line, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  return line;
}

int Fail(const absl::Status& what) {
  Print(std::string(what.message()));
  return kExitFailed;
}

int FailUsage(const absl::Status& what) {
  Print(std::string(what.message()));
  return kExitUsage;
}

int FailCall(const absl::Status& status) {
  Print(absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                     status.message()));
  return kExitStatus + status.raw_code();
}

}  // namespace fdrpc::tool
