#include "services/program/serve.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

namespace fdrpc::program {
namespace {

sigset_t StopSignals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  return stop;
}

}  // namespace

void HoldStopSignals() {
  const sigset_t stop = StopSignals();
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  // The reader of the lines that are printed may be gone.
  signal(SIGPIPE, SIG_IGN);
}

absl::Status ListenOnAll(Server& server, const ListenSettings& settings) {
  for (const std::string& address : settings.addresses) {
    absl::Status status =
        server.Listen(address, {.mode = settings.socket_mode});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void SayThatItListens(const ListenSettings& settings) {
  for (const std::string& address : settings.addresses) {
    // For an inherited socket nobody needs this line, and standard output may
    // be that very socket, as with inetd.
    if (!address.starts_with("unix")) continue;
    std::cout << absl::StrCat("listening on ", address, "\n") << std::flush;
  }
}

absl::Status ServeUntilStopped(Server& server, const ListenSettings& settings) {
  absl::Status status = ListenOnAll(server, settings);
  if (status.ok()) status = server.Start();
  if (!status.ok()) return status;
  SayThatItListens(settings);
  // The server may also end by itself.
  std::thread end([&server] {
    server.Wait();
    kill(getpid(), SIGTERM);
  });
  const sigset_t stop = StopSignals();
  int received = 0;
  sigwait(&stop, &received);
  server.Shutdown();
  end.join();
  return absl::OkStatus();
}

}  // namespace fdrpc::program
