#ifndef FDRPC_OS_UNIX_ADDRESS_H_
#define FDRPC_OS_UNIX_ADDRESS_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fdrpc {

// The address of a Unix-domain socket, parsed from the form that users write
// (docs/guide.md, "Addresses"): "unix:/run/x.sock", "unix:relative.sock" or
// "unix:@abstract".
class UnixAddress {
 public:
  // INVALID_ARGUMENT says what is wrong with `text`, the limit on its length
  // included; UNIMPLEMENTED names a form that this version does not have.
  static absl::StatusOr<UnixAddress> Parse(std::string_view text);

  const sockaddr* socket_address() const {
    return reinterpret_cast<const sockaddr*>(&address_);
  }
  socklen_t length() const { return length_; }

  bool is_abstract() const { return address_.sun_path[0] == '\0'; }
  // The socket's file. Only if !is_abstract().
  const char* path() const { return address_.sun_path; }
  // As it was written.
  const std::string& text() const { return text_; }

 private:
  UnixAddress() = default;

  sockaddr_un address_ = {};
  socklen_t length_ = 0;
  std::string text_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_UNIX_ADDRESS_H_
