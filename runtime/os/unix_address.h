#ifndef FDRPC_OS_UNIX_ADDRESS_H_
#define FDRPC_OS_UNIX_ADDRESS_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <cassert>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fdrpc {

// A directory with a link for each open descriptor of the calling thread, which
// leads to the open file. Not /proc/self, which is empty once the main thread
// has ended.
inline constexpr char kDescriptorPaths[] = "/proc/thread-self/fd/";

// The address of a Unix-domain socket, parsed from the text that users write
// (docs/guide/addresses.md): "unix:/run/x.sock", "unix:relative.sock" or
// "unix:@abstract", or the same with the scheme of another type of socket. Does
// not look at the file system.
class UnixAddress {
 public:
  // INVALID_ARGUMENT says what is wrong with `text`, including a name that is
  // too long. ParseSocketAddress() knows all forms of addresses.
  static absl::StatusOr<UnixAddress> Parse(std::string_view text);
  // The address of a socket file.
  static absl::StatusOr<UnixAddress> FromPath(std::string_view path);

  // SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM, by the scheme.
  int type() const { return type_; }
  // For the kernel. Not if is_long().
  const sockaddr* socket_address() const {
    assert(!is_long());
    return reinterpret_cast<const sockaddr*>(&address_);
  }
  socklen_t length() const { return length_; }
  // Whether the path is longer than the kernel accepts (unix(7)), so that the
  // file can be reached only Through() its directory.
  bool is_long() const { return length_ == 0; }
  // An address of the same file that is not long: a long path is replaced by
  // one through `directory`, a descriptor of directory(), which must stay open
  // while the address is used, by this thread.
  UnixAddress Through(int directory) const;

  bool is_abstract() const { return path_.empty(); }
  // The socket's file, its directory, and its name there. Not if is_abstract().
  const char* path() const {
    assert(!is_abstract());
    return path_.c_str();
  }
  std::string directory() const;
  std::string name() const;
  // The text from which it was parsed.
  const std::string& text() const { return text_; }

 private:
  explicit UnixAddress(std::string_view text) : text_(text) {}

  absl::Status SetPath(std::string_view path);
  absl::Status SetAbstractName(std::string_view name);
  // With a leading NUL it is an abstract name.
  void SetSocketAddress(std::string_view name);

  int type_ = SOCK_STREAM;
  sockaddr_un address_ = {};
  socklen_t length_ = 0;
  std::string text_;
  std::string path_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_UNIX_ADDRESS_H_
