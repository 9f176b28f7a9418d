#ifndef FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCH_SERVICE_H_
#define FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCH_SERVICE_H_

#include <memory>
#include <utility>

#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "services/filebroker/directory_access.h"
#include "services/filebroker/directory_server.h"

namespace fdrpc::filebroker {

// The method Watch() of fdrpc.filebroker.v1.Directory.
class DirectoryWatchService final : public v1::Directory::AsyncService {
 public:
  DirectoryWatchService(std::shared_ptr<DirectoryServer> server,
                        DirectoryAccess access)
      : server_(std::move(server)), access_(std::move(access)) {}

  void Watch(v1::Directory::WatchCall call) override {
    const absl::Status begun =
        server_->Record(access_, "Watch", {call.request().path()},
                        server_->watches().Begin(access_, call));
    if (!begun.ok()) call.Finish(begun);
  }

 private:
  const std::shared_ptr<DirectoryServer> server_;
  const DirectoryAccess access_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_DIRECTORY_WATCH_SERVICE_H_
