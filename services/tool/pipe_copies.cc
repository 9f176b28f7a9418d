#include "services/tool/pipe_copies.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "services/program/copy.h"

namespace fdrpc::tool {
namespace {

void CopyInput(const UniqueFd& pipe) {
  char bytes[65536];
  while (true) {
    // No event is asked of the pipe: POLLERR, that nobody reads it, comes
    // anyway.
    pollfd watched[] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                        {.fd = pipe.get(), .events = 0, .revents = 0}};
    if (poll(watched, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (watched[1].revents != 0) return;
    const ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0 ||
        !program::WriteAll(pipe.get(), {bytes, static_cast<size_t>(got)})) {
      return;
    }
  }
}

}  // namespace

PipeCopies::~PipeCopies() {
  for (std::thread& thread : threads_) thread.join();
}

void PipeCopies::Feed(UniqueFd pipe) {
  threads_.emplace_back([pipe = std::move(pipe)] { CopyInput(pipe); });
}

void PipeCopies::Output(UniqueFd pipe) {
  threads_.emplace_back([pipe = std::move(pipe)] {
    // The reader of standard output may be gone, which ends this.
    (void)program::Copy(pipe.get(), STDOUT_FILENO);
  });
}

}  // namespace fdrpc::tool
