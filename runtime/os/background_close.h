#ifndef FDRPC_OS_BACKGROUND_CLOSE_H_
#define FDRPC_OS_BACKGROUND_CLOSE_H_

#include <cstddef>
#include <vector>

#include "fdrpc/unique_fd.h"

namespace fdrpc {

// close(2) of a descriptor that a peer sent may block for as long as the peer
// likes: a TCP socket with SO_LINGER and unsent data (socket(7)), or one that
// waits in a Unix-domain socket which is closed; a file of a FUSE file system,
// each time. So threads that others wait for leave it to threads that do
// nothing else, the closers of the process: a few for sockets, a few for all
// else. They are started when they are needed and end when they are not.
//
// If all closers of sockets but one are held, that one switches the lingering
// of what comes off (the kernel still sends the data, and nobody waits for it).
// Beyond that, what cannot be closed waits in order, and its number stays
// taken.

// Closes what cannot block at once (memory, pipes, files of a file system with
// a block device of its own), and leaves the rest to the closers.
void CloseReceived(UniqueFd fd);
void CloseReceived(std::vector<UniqueFd> fds);

// While it lives, what the UniqueFds of its thread would close stays open; its
// end gives that to CloseReceived(). One within another leaves it to that one.
class BackgroundCloses {
 public:
  BackgroundCloses();
  ~BackgroundCloses();
  BackgroundCloses(const BackgroundCloses&) = delete;
  BackgroundCloses& operator=(const BackgroundCloses&) = delete;

 private:
  friend class UniqueFd;

  std::vector<int> fds_;
};

// Closes the socket of a connection, at once if nothing waits in its queue that
// could hold descriptors, and takes it from the ForkLedger. `packets`: it is no
// stream.
void CloseDrained(UniqueFd socket, bool packets);

// How many descriptors wait for the closers, or are being closed.
size_t BackgroundClosesPending();

}  // namespace fdrpc

#endif  // FDRPC_OS_BACKGROUND_CLOSE_H_
