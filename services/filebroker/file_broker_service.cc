#include "services/filebroker/file_broker_service.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::filebroker {
namespace {

absl::StatusOr<OpenOptions> OptionsFor(const v1::OpenRequest& request) {
  OpenOptions options;
  switch (request.access()) {
    case v1::ACCESS_READ:
      options.read = true;
      break;
    case v1::ACCESS_WRITE:
      options.write = true;
      break;
    case v1::ACCESS_READ_WRITE:
      options.read = true;
      options.write = true;
      break;
    case v1::ACCESS_UNSPECIFIED:
      return absl::InvalidArgumentError("the request has no access");
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no access ", static_cast<int>(request.access())));
  }
  switch (request.creation()) {
    case v1::CREATION_UNSPECIFIED:
      break;
    case v1::CREATION_IF_MISSING:
      options.creation = OpenOptions::Creation::kIfMissing;
      break;
    case v1::CREATION_EXCLUSIVE:
      options.creation = OpenOptions::Creation::kExclusive;
      break;
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no creation ", static_cast<int>(request.creation())));
  }
  options.truncate = request.truncate();
  options.append = request.append();
  if (request.has_permissions()) options.permissions = request.permissions();
  return options;
}

v1::FileKind KindOf(mode_t mode) {
  if (S_ISREG(mode)) return v1::FILE_KIND_REGULAR;
  if (S_ISFIFO(mode)) return v1::FILE_KIND_FIFO;
  if (S_ISCHR(mode)) return v1::FILE_KIND_CHARACTER_DEVICE;
  if (S_ISBLK(mode)) return v1::FILE_KIND_BLOCK_DEVICE;
  return v1::FILE_KIND_UNSPECIFIED;
}

}  // namespace

absl::Status FileBrokerService::Open(ServerContext&,
                                     const v1::OpenRequest& request,
                                     Parcel<v1::OpenReply>& reply) {
  const absl::StatusOr<OpenOptions> options = OptionsFor(request);
  if (!options.ok()) return options.status();
  if (options_.read_only && options->write) {
    return absl::PermissionDeniedError(
        "this broker opens files for reading only");
  }
  absl::StatusOr<OpenedFile> file = root_.Open(request.path(), *options);
  if (!file.ok()) return file.status();
  reply->set_kind(KindOf(file->info.st_mode));
  if (S_ISREG(file->info.st_mode)) {
    reply->set_size(static_cast<uint64_t>(file->info.st_size));
  }
  reply.set_file(std::move(file->fd));
  return absl::OkStatus();
}

}  // namespace fdrpc::filebroker
