#ifndef FDRPC_SERVICES_FILEBROKER_FILE_BROKER_SERVICE_H_
#define FDRPC_SERVICES_FILEBROKER_FILE_BROKER_SERVICE_H_

#include <utility>

#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "services/filebroker/root_directory.h"

namespace fdrpc::filebroker {

// Serves fdrpc.filebroker.v1.FileBroker from one root directory. Whoever can
// connect to the server's socket may call.
class FileBrokerService final : public v1::FileBroker::Service {
 public:
  struct Options {
    // Refuses every access except ACCESS_READ with PERMISSION_DENIED.
    bool read_only = false;
  };

  FileBrokerService(RootDirectory root, Options options)
      : root_(std::move(root)), options_(options) {}

  absl::Status Open(ServerContext& context, const v1::OpenRequest& request,
                    Parcel<v1::OpenReply>& reply) override;

 private:
  const RootDirectory root_;
  const Options options_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_FILE_BROKER_SERVICE_H_
