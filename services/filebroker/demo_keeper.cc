// fdrpc-demo-keeper FILE ADDRESS: opens one file, and gives it to every client.
//
// For the demonstration. It serves the file broker's interface, but answers
// every Open with its own descriptor. So each reader moves the file offset of
// all the others, and of the keeper.
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "fdrpc/server.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"

namespace {

using fdrpc::filebroker::v1::FileBroker;
using fdrpc::filebroker::v1::OpenReply;
using fdrpc::filebroker::v1::OpenRequest;

class Keeper final : public FileBroker::Service {
 public:
  explicit Keeper(fdrpc::SharedFd file) : file_(std::move(file)) {}

  absl::Status Open(fdrpc::ServerContext&, const OpenRequest&,
                    fdrpc::Parcel<OpenReply>& reply) override {
    reply.set_file(file_);
    return absl::OkStatus();
  }

 private:
  const fdrpc::SharedFd file_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: fdrpc-demo-keeper FILE ADDRESS\n";
    return 2;
  }
  fdrpc::SharedFd file(fdrpc::UniqueFd(open(argv[1], O_RDONLY | O_CLOEXEC)));
  if (!file.ok()) {
    std::cerr << "fdrpc-demo-keeper: " << argv[1] << ": " << strerror(errno)
              << "\n";
    return 1;
  }
  Keeper keeper(file);
  fdrpc::Server server;
  server.AddService(keeper);
  if (absl::Status status = server.Listen(argv[2]); !status.ok()) {
    std::cerr << "fdrpc-demo-keeper: " << status.message() << "\n";
    return 1;
  }
  std::cout << "keeping descriptor " << file.get() << "\n"
            << "listening on " << argv[2] << std::endl;
  server.Run();
  return 0;
}
