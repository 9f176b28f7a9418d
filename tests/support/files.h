#ifndef FDRPC_TESTS_SUPPORT_FILES_H_
#define FDRPC_TESTS_SUPPORT_FILES_H_

#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "fdrpc/unique_fd.h"

namespace fdrpc::testing {

// An open file without a name that holds `content`; the offset is 0.
UniqueFd FileWith(const std::string& content);
// So many, which hold "0", "1" and so on.
std::vector<UniqueFd> FilesWithNumbers(int count);
// What is left of a file from its offset, which moves to the end.
std::string ReadRest(int fd);
// Whether two descriptors, of this process, are one open file description
// (kcmp(2)).
bool SameDescription(int a, int b);
bool HasCloseOnExec(int fd);
// A connected pair of sockets, of SOCK_STREAM or SOCK_SEQPACKET.
std::pair<UniqueFd, UniqueFd> SocketPair(int type = SOCK_STREAM);
// The read end and the write end.
std::pair<UniqueFd, UniqueFd> Pipe();

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_FILES_H_
