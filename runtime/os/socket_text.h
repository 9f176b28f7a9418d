#ifndef FDRPC_OS_SOCKET_TEXT_H_
#define FDRPC_OS_SOCKET_TEXT_H_

#include <string>

namespace fdrpc {

// For people: the address at which the peer of a connected socket listens, or,
// if `accepted`, at which this process does, and who the peer is:
// "unix:/run/x.sock, process 12, user 0". A socket that was not made by an
// address is "a pair of sockets"; what is no socket is "this process".
//
// Costs system calls.
std::string DescribeConnection(int socket, bool accepted);
// The first part of it: "unix:/run/x.sock".
std::string AddressOfConnection(int socket, bool accepted);

}  // namespace fdrpc

#endif  // FDRPC_OS_SOCKET_TEXT_H_
