#include "services/program/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>

namespace fdrpc::program {

bool OccupyStandardStreams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) >= 0) continue;
    // Opened for the wrong direction, so that reading or writing fails.
    const int flags = stream == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    // The lowest free number is `stream`, since the lower ones are open.
    if (open("/dev/null", flags) != stream) return false;
  }
  return true;
}

}  // namespace fdrpc::program
