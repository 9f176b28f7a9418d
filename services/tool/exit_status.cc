#include "services/tool/exit_status.h"

#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"

namespace fdrpc::tool {
namespace {

void Print(const std::string& text) {
  std::cerr << absl::StrCat("fdrpc: ", OneLine(text), "\n");
}

}  // namespace

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
