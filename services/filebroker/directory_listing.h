#ifndef FDRPC_SERVICES_FILEBROKER_DIRECTORY_LISTING_H_
#define FDRPC_SERVICES_FILEBROKER_DIRECTORY_LISTING_H_

#include <dirent.h>

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::filebroker {

// Reads the entries of a directory, one after the other, without "." and "..".
class DirectoryListing {
 public:
  // `directory` is open for reading.
  static absl::StatusOr<DirectoryListing> Create(UniqueFd directory);

  // Empty at the end.
  absl::StatusOr<std::optional<v1::Entry>> Next();

 private:
  struct Close {
    void operator()(DIR* stream) const { closedir(stream); }
  };

  explicit DirectoryListing(DIR* stream) : stream_(stream) {}

  std::unique_ptr<DIR, Close> stream_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_DIRECTORY_LISTING_H_
