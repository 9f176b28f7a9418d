#ifndef FDRPC_TESTS_SUPPORT_FILES_H_
#define FDRPC_TESTS_SUPPORT_FILES_H_

#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "fdrpc/unique_fd.h"

namespace fdrpc::testing {

// An open file without a name that contains `content`; the offset is 0.
UniqueFd FileWith(const std::string& content);
// `count` such files, which contain "0", "1" and so on.
std::vector<UniqueFd> FilesWithNumbers(int count);
// Reads the rest of a file from its offset.
std::string ReadRest(int fd);
// Whether two descriptors of this process are one open file description
// (kcmp(2)).
bool SameDescription(int a, int b);
bool HasCloseOnExec(int fd);
// A connected pair of sockets, of type SOCK_STREAM or SOCK_SEQPACKET.
std::pair<UniqueFd, UniqueFd> SocketPair(int type = SOCK_STREAM);
// The read side and the write side.
std::pair<UniqueFd, UniqueFd> Pipe();

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_FILES_H_
