// Descriptors in both directions: a client gives its standard input to a
// service, and gets a pipe with what the service makes of it. No byte of the
// text passes through a message.
//
//   fdrpc-example-filter serve unix:filter.sock
//   ls | fdrpc-example-filter run unix:filter.sock upper
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "filter.fdrpc.h"

namespace {

using examples::filter::Filter;
using examples::filter::RunReply;
using examples::filter::RunRequest;

// Writes all of it; false if nobody reads any more.
bool WriteAll(int to, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(to, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) done += static_cast<size_t>(n);
  }
  return true;
}

// The filters: what they make of a piece of the text.
std::string Upper(std::string piece) {
  for (char& c : piece) {
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return piece;
}
class LineNumbers {
 public:
  std::string Of(const std::string& piece) {
    std::string text;
    for (const char c : piece) {
      if (std::exchange(at_beginning_, c == '\n')) {
        absl::StrAppend(&text, ++line_, " ");
      }
      text += c;
    }
    return text;
  }

 private:
  uint64_t line_ = 0;
  bool at_beginning_ = true;
};

void Run(RunRequest::Kind kind, int from, int to) {
  LineNumbers numbers;
  char buffer[65536];
  while (true) {
    const ssize_t n = read(from, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    const std::string piece(buffer, static_cast<size_t>(n));
    if (!WriteAll(
            to, kind == RunRequest::UPPER ? Upper(piece) : numbers.Of(piece))) {
      return;
    }
  }
}

class Filters final : public Filter::Service {
 public:
  absl::Status Run(fdrpc::ServerContext&, fdrpc::Parcel<RunRequest>& request,
                   fdrpc::Parcel<RunReply>& reply) override {
    const RunRequest::Kind kind = request->kind();
    if (kind != RunRequest::UPPER && kind != RunRequest::NUMBER) {
      return absl::InvalidArgumentError("there is no such filter");
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return absl::ErrnoToStatus(errno, "pipe2");
    reply.set_output(fdrpc::UniqueFd(ends[0]));
    // The text may be longer than the pipe, and the call ends before anybody
    // reads it. The thread ends when either side of the text is closed.
    std::thread([kind, input = request.take_input(),
                 output = fdrpc::UniqueFd(ends[1])] {
      ::Run(kind, input.get(), output.get());
    }).detach();
    return absl::OkStatus();
  }
};

int Serve(const std::string& address) {
  signal(SIGPIPE, SIG_IGN);  // a client may go before it has read everything
  Filters filters;
  fdrpc::Server server;
  server.AddService(filters);
  if (absl::Status status = server.Listen(address); !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  std::cout << "listening" << std::endl;
  server.Run();
  return 0;
}

int RunFilter(const std::string& address, const std::string& name) {
  const auto channel = fdrpc::Channel::Connect(address);
  if (!channel.ok()) {
    std::cerr << channel.status() << "\n";
    return 1;
  }
  fdrpc::Parcel<RunRequest> request;
  request->set_kind(name == "upper"    ? RunRequest::UPPER
                    : name == "number" ? RunRequest::NUMBER
                                       : RunRequest::UNKNOWN);
  request.set_input(fdrpc::UniqueFd(fcntl(0, F_DUPFD_CLOEXEC, 3)));
  const auto reply = Filter::Stub(*channel).Run(std::move(request));
  if (!reply.ok()) {
    std::cerr << reply.status() << "\n";
    return 1;
  }
  char buffer[65536];
  for (ssize_t n; (n = read(reply->output(), buffer, sizeof(buffer))) > 0;) {
    if (!WriteAll(1, std::string(buffer, static_cast<size_t>(n)))) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (role == "serve" && argc == 3) return Serve(argv[2]);
  if (role == "run" && argc == 4) return RunFilter(argv[2], argv[3]);
  std::cerr << "usage: fdrpc-example-filter serve ADDRESS | "
               "run ADDRESS upper|number\n";
  return 2;
}
