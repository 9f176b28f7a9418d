#ifndef FDRPC_OS_UNIX_ADDRESS_H_
#define FDRPC_OS_UNIX_ADDRESS_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fdrpc {

// Where the open descriptors of the calling thread have paths, which lead to
// what is open. Not /proc/self, which is empty once the main thread has ended.
inline constexpr char kDescriptorPaths[] = "/proc/thread-self/fd/";

// The address of a Unix-domain socket, parsed from the form that users write
// (docs/guide/addresses.md): "unix:/run/x.sock", "unix:relative.sock" or
// "unix:@abstract", or, for other types of sockets, the same behind another
// scheme.
class UnixAddress {
 public:
  // INVALID_ARGUMENT says what is wrong with `text`, the limits on its length
  // included; UNIMPLEMENTED names a form that this version does not have.
  static absl::StatusOr<UnixAddress> Parse(std::string_view text);
  // That of a socket file.
  static absl::StatusOr<UnixAddress> OfPath(std::string_view path);

  // SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM, by the scheme.
  int type() const { return type_; }
  // For the kernel. Not if is_long().
  const sockaddr* socket_address() const {
    return reinterpret_cast<const sockaddr*>(&address_);
  }
  socklen_t length() const { return length_; }
  // Whether the path does not fit what the kernel takes (unix(7)), so that the
  // file can only be reached ByWayOf() its directory.
  bool is_long() const { return length_ == 0; }
  // For the same file, one that is not long: a long one goes through
  // `directory`, a descriptor of directory(), which has to be open for as long
  // as this is used, and by this thread.
  UnixAddress ByWayOf(int directory) const;

  bool is_abstract() const { return path_.empty(); }
  // The socket's file, the directory that it is in and its name there. Only if
  // !is_abstract().
  const char* path() const { return path_.c_str(); }
  std::string directory() const;
  std::string name() const;
  // As it was written.
  const std::string& text() const { return text_; }

 private:
  explicit UnixAddress(std::string_view text) : text_(text) {}

  absl::Status SetPath(std::string_view path);
  absl::Status SetAbstractName(std::string_view name);
  // With a leading NUL, it is an abstract name.
  void SetSocketAddress(std::string_view name);

  int type_ = SOCK_STREAM;
  sockaddr_un address_ = {};
  socklen_t length_ = 0;
  std::string text_;
  std::string path_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_UNIX_ADDRESS_H_
