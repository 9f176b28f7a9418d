#include "os/socket_address.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace fdrpc {
namespace {

constexpr std::string_view kFd = "fd:";
constexpr std::string_view kSystemd = "systemd:";

}  // namespace

absl::StatusOr<SocketAddress> ParseSocketAddress(std::string_view text) {
  if (text.starts_with(kSystemd)) {
    return SystemdAddress{std::string(text.substr(kSystemd.size()))};
  }
  if (text.starts_with(kFd)) {
    const std::string number(text.substr(kFd.size()));
    FdAddress address;
    if (number.find_first_not_of("0123456789") == std::string::npos &&
        absl::SimpleAtoi(number, &address.number)) {
      return address;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("address \"", std::string(text),
                     "\" has no descriptor number after fd:"));
  }
  absl::StatusOr<UnixAddress> address = UnixAddress::Parse(text);
  if (!address.ok()) return address.status();
  return *std::move(address);
}

}  // namespace fdrpc
