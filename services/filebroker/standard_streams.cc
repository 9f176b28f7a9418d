#include "services/filebroker/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>

namespace fdrpc::filebroker {

bool OccupyStandardStreams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) >= 0) continue;
    // Open the wrong way round, so that reading or writing it is an error.
    const int flags = stream == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    // The lowest free number, which is `stream`: those below are open.
    if (open("/dev/null", flags) != stream) return false;
  }
  return true;
}

}  // namespace fdrpc::filebroker
