// A service and its client in one program: exits with 0 if a call returns both
// the words and the descriptor.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "outside/echo.fdrpc.h"
#include "outside/echo.pb.h"

namespace {

class EchoService final : public outside::Echo::Service {
 public:
  absl::Status Say(fdrpc::ServerContext&, const outside::SayRequest& request,
                   fdrpc::Parcel<outside::SayReply>& reply) override {
    int ends[2];
    if (pipe(ends) != 0) return absl::InternalError("pipe");
    fdrpc::UniqueFd reader(ends[0]);
    fdrpc::UniqueFd writer(ends[1]);
    const std::string& text = request.words().text();
    if (write(writer.get(), text.data(), text.size()) !=
        static_cast<ssize_t>(text.size())) {
      return absl::InternalError("write");
    }
    *reply->mutable_words() = request.words();
    reply.set_pipe(std::move(reader));
    return absl::OkStatus();
  }
};

absl::Status Run(const std::string& address) {
  EchoService service;
  fdrpc::Server server;
  server.AddService(service);
  if (absl::Status status = server.Listen(address); !status.ok()) return status;
  if (absl::Status status = server.Start(); !status.ok()) return status;

  absl::StatusOr<fdrpc::Channel> channel = fdrpc::Channel::Connect(address);
  if (!channel.ok()) return channel.status();
  outside::Echo::Stub echo(*channel);
  outside::SayRequest request;
  request.mutable_words()->set_text("hello");
  absl::StatusOr<fdrpc::Parcel<outside::SayReply>> reply =
      echo.Say(request, {.timeout = absl::Seconds(10)});
  if (!reply.ok()) return reply.status();

  fdrpc::UniqueFd pipe = reply->take_pipe();
  char buffer[16];
  ssize_t length = read(pipe.get(), buffer, sizeof(buffer));
  if (length < 0) return absl::InternalError("read");
  std::string from_pipe(buffer, static_cast<size_t>(length));
  if (from_pipe != "hello" || (*reply)->words().text() != "hello") {
    return absl::DataLossError("the echo is not what was said");
  }
  server.Shutdown();
  server.Wait();
  return absl::OkStatus();
}

}  // namespace

int main() {
  char directory[] = "/tmp/fdrpc-outside-XXXXXX";
  if (mkdtemp(directory) == nullptr) return EXIT_FAILURE;
  absl::Status status = Run("unix:" + std::string(directory) + "/echo.sock");
  unlink((std::string(directory) + "/echo.sock").c_str());
  rmdir(directory);
  std::cout << status << "\n";
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
